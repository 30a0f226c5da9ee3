-- Willow Clinic's database. Roles come first, see cluster.py: clinic (the application), canary, exporter.

CREATE TABLE staff (
    username text PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('doctor', 'nurse', 'front_desk', 'billing', 'administrator')),
    password text NOT NULL
);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    username text NOT NULL REFERENCES staff,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX sessions_open ON sessions (seen_at) WHERE ended_at IS NULL;

CREATE SEQUENCE patient_number MINVALUE 0;

CREATE TABLE patients (
    mrn text PRIMARY KEY DEFAULT 'WC' || lpad(nextval('patient_number')::text, 6, '0'),
    family text NOT NULL,
    given text NOT NULL,
    born date NOT NULL,
    sex text NOT NULL CHECK (sex IN ('female', 'male', 'other', 'unknown')),
    phone text NOT NULL,
    street text NOT NULL
);
CREATE INDEX patients_family ON patients (lower(family) text_pattern_ops);

CREATE TABLE appointments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mrn text NOT NULL REFERENCES patients,
    doctor text NOT NULL REFERENCES staff,
    starts_at timestamptz NOT NULL,
    reason text NOT NULL,
    status text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'arrived', 'completed', 'cancelled'))
);
CREATE INDEX appointments_start ON appointments (starts_at);
CREATE INDEX appointments_patient ON appointments (mrn);

CREATE TABLE prescriptions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mrn text NOT NULL REFERENCES patients,
    doctor text NOT NULL REFERENCES staff,
    medicine text NOT NULL,
    dose text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX prescriptions_patient ON prescriptions (mrn);

CREATE TABLE invoices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mrn text NOT NULL REFERENCES patients,
    cents integer NOT NULL CHECK (cents > 0),
    issued_at timestamptz NOT NULL DEFAULT now(),
    paid_at timestamptz
);
CREATE INDEX invoices_unpaid ON invoices (issued_at) WHERE paid_at IS NULL;

-- The canary: a patient who doesn't exist, read to prove that patient records can be read.
CREATE VIEW canary_patient AS SELECT mrn, family, given, born FROM patients WHERE mrn = 'WC000000';

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO clinic, canary, exporter;
GRANT SELECT, UPDATE (role) ON staff TO clinic;
GRANT SELECT, INSERT, UPDATE ON sessions, patients, appointments, prescriptions, invoices TO clinic;
GRANT USAGE ON SEQUENCE patient_number TO clinic;
GRANT SELECT ON canary_patient TO canary;

-- Who may see a patient is the application's business; the setting is for the fault records-hidden.
ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON patients USING (current_setting('clinic.hidden', true) IS DISTINCT FROM 'on');
