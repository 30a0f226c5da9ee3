"""A corpus of other phrasings and other locales, never looked at while patterns were made."""

from __future__ import annotations

from collections.abc import Iterator

from protection.lines import Line, corpus
from protection.tuned import makers

LOCALES = ("en_CA", "en_AU", "de_AT", "nl_NL", "pt_BR", "pl_PL", "sv_SE", "en_US", "en_GB")

TEMPLATES = {
    "key=value": (
        'event="demographics changed" pt_name="{{name}}" birth_date={{dob}} home_phone="{{phone}}"',
        "action=merge patientName={{name}}, patientEmail={{email}}, rows={{n}}",
        "svc=enrol contact_email='{{email}}' surname='{{last}}' forename='{{first}}' shard={{n}}",
        "REDIS_PASSWORD={{password}} REDIS_HOST={{host}}",
        "payment rejected cardNumber={{card}} acct_iban={{iban}} code={{n}}",
        "medical_record_number={{mrn}} facility={{n}} social_security_number={{ssn}}",
        "gc pause={{ms}} heap={{n}} old={{n}} build={{version}} commit={{hex}}",
        "scrape target={{host}}:9100 samples={{n}} duration={{ms}} last={{epoch}}",
    ),
    "JSON": (
        '{"evt":"signup","who":{"full_name":"{{name}}","mobile":"{{ukphone}}","mail":"{{email}}"}}',
        '{ "patient" : { "given_name" : "{{first}}", "family_name" : "{{last}}", "date_of_birth" : "{{dob}}" } }',
        '{"req":{"headers":{"authorization":"Bearer {{opaque}}","accept":"*/*"}},"ms":{{ms}}}',
        '{"client_secret":"{{opaque}}","grant_type":"client_credentials"}',
        '{"street_address":"{{usstreet}}","postcode":"{{n}}x"}'.replace('"postcode":"{{n}}x"', '"floor":{{n}}'),
        '{"ssn":"{{ssn}}","policy":{{n}},"credit_card":"{{cardspaced}}"}',
        '{"@timestamp":"{{ts}}","log":{"level":"info","logger":"{{word}}"},"process":{"pid":{{n}}},"trace":{"id":"{{hex}}{{hex}}"}}',
        '{"name":"nightly-export","state":"running","items":{{n}},"address":"{{ip}}"}',
    ),
    "prose": (
        "Could not reach {{email}}: mailbox full",
        "Discharge letter for patient {{name}} could not be printed",
        "Ms {{last}} asked to be called on {{usphone}}",
        "Her date of birth is {{doblong}}, her social security number is {{ssn}}.",
        "New NHS no. {{nhs}} allocated after {{n}} attempts",
        "MRN #{{mrn}} merged by operator {{n}}",
        "Refund to IBAN {{iban}} was booked",
        "paid with card {{cardspaced}} at till {{n}}",
        "Text message to {{ukphone}} bounced",
        "Next of kin {{name}} was informed",
        "Mother {{name}} lives at {{usstreet}}.",
        "Worker {{n}} took job {{uuid}} off the queue after {{ms}} ms",
        "Disk usage on {{host}} is {{ms}} percent, {{n}} inodes free",
        "Starting {{Word}} {{Word}} version {{version}}",
    ),
    "SQL error": (
        "pq: duplicate key value violates unique constraint: Key (phone)=({{usphone}}) already exists",
        "INSERT INTO contact (email) VALUES ('{{email}}') failed after {{ms}} ms",
        "select id from person where surname='{{last}}' and dob='{{dob}}' limit {{n}}",
        "Access denied: mysql://root:{{opaque!password}}@{{host}}/emr?timeout={{n}}",
        "ORA-00001: unique constraint (EMR.SSN_UQ) violated, value {{ssn}}",
        "ERROR 1205 (HY000): Lock wait timeout exceeded; thread {{n}}, query id {{n}}",
        "canceling statement due to statement timeout after {{ms}} ms, pid {{n}}",
    ),
    "stack trace": (
        "TypeError: cannot read 'id' of undefined for user {{email}}\n    at /app/src/{{word}}.js:{{n}}:13",
        "Caused by: AuthException: rejected token {{jwt}}\n\tat io.clinic.Auth.check(Auth.kt:{{n}})",
        'RuntimeError: could not parse address="{{usstreet}}"\n  in /usr/lib/python3/{{word}}.py:{{n}}',
        "System.ArgumentException: invalid phone: {{usphone}}\r\n   at Clinic.Sms.Send() in Sms.cs:line {{n}}",
        "Error: ECONNREFUSED {{ip}}:{{n}}\n    at TCPConnectWrap.afterConnect (node:net:{{n}}:16)",
        "thread 'main' panicked at src/{{word}}.rs:{{n}}:5: assertion failed: {{n}} == {{n}}",
    ),
    "URL": (
        "PUT /v2/people/{{n}}?lastName={{last}}&birthDate={{dob}} 204",
        "GET /invite?to={{email}}&lang=nl 302 {{ms}}",
        "GET /reset?access_token={{opaque}}&v=2 200",
        "redirect to https://svc:{{opaque!password}}@{{host}}/hook",
        "HEAD {{path}}?v={{version}}&h={{hex}} 200 {{n}}",
        "POST /graphql 200 {{ms}}ms op={{word}} req={{uuid}}",
    ),
    "HL7": (
        "parse error in PID|1|{{mrn}}|{{mrn}}^^^EPI^MR||{{LAST}}^A||{{dobhl7}}|M||2106-3|{{usstreet}}^^TOWN^^1234||{{usphone}}",
        "NK1|2|{{LAST}}|MTH|{{usstreet}}|{{phone}}||EC",
        "MSH|^~\\&|ADT|X|Y|Z|202601||ADT^A08|{{n}}|P|2.3\\rPID|1||{{mrn}}||{{LAST}}||{{dobhl7}}|F\\rPV1|1|I|W{{n}}",
        "MSA|AA|{{n}}|accepted in {{ms}} ms",
        "OBR|1|{{n}}|{{n}}|24331-1^Lipid panel^LN|||20260101",
    ),
    "FHIR": (
        '{"contact":[{"name":{"use":"official","family":"{{last}}","given":["{{first}}","{{first}}"]}}]}',
        '{"resourceType":"RelatedPerson","telecom":[{"system":"email","value":"{{email}}","use":"home"}],"birthDate":"{{dob}}"}',
        '{"resourceType":"Practitioner","name":[{"text":"{{name}}"}]}'.replace(
            '"text":"{{name}}"', '"family":"{{last}}"'
        ),
        '<Patient><name><family value="{{last}}"/><given value="{{first}}"/></name><birthDate value="{{dob}}"/></Patient>',
        '{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"length":{"value":{{n}},"unit":"min"}}',
        '{"resourceType":"Bundle","type":"searchset","total":{{n}},"link":[{"relation":"self","url":"https://{{host}}{{path}}"}]}',
    ),
    "CSV": (
        '"{{n}}","{{email}}","{{ssn}}","open"',
        "{{usphone}};{{cardspaced}};{{n}}",
        "{{hex}}\t{{email}}\t{{nhs}}\t{{n}}",
        "{{n}},{{n}},{{ms}},{{ms}},{{word}},{{ts}}",
        "{{ip}};{{epoch}};{{uuid}};{{version}}",
    ),
    "mixed": (
        "[{{ts}}] notify(to={{email}}, cc={{email}}) -> {{n}}",
        "{{host}} sshd[{{n}}]: export GITHUB_TOKEN={{apikey}}",
        "{{ts}} req headers: {'Cookie': 'sessionid={{session!ignore}}', 'Host': '{{host}}'}".replace(
            "sessionid={{session!ignore}}", "{{session}}"
        ),
        "{{ts}} | {{word}} | dob={{dobus}} | tel. {{ukphone}} | {{n}}",
        '{{ts}} verbose {\\"patient_name\\":\\"{{name}}\\",\\"nhs_number\\":\\"{{nhsbare}}\\"}',
        "{{ts}} {{host}} kernel: [{{n}}.{{n}}] {{word}}: link up {{n}} Mbps",
        "{{ts}} [{{word}}-{{n}}] {{hex}} {{ms}} {{path}} {{version}} {{epoch}}",
    ),
}


def lines(count: int, seed: int) -> Iterator[Line]:
    """Yield labelled lines."""
    return corpus(count, seed + 1000, TEMPLATES, makers(seed + 1000, LOCALES))
