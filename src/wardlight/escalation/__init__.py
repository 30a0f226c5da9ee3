"""Who is told of an incident, how and after how long; what people and calendars say about who is on call."""
