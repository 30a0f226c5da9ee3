//! OTLP logs (opentelemetry-proto 1.x, `ExportLogsServiceRequest`) to flat columns, for `otlp_native.py`.
//!
//! Takes requests as senders commonly write them. At anything else (damage, unknown groups, arrays and maps as values,
//! a message split in two) it declines, and the general decoder says what it is. So it never has to explain an error,
//! and whatever it answers must equal what the general decoder answers. No crates: `rustc` alone builds it.
//!
//! `unsafe` stands only where memory crosses to Python, at the end of the file.

use std::any::Any;
use std::collections::HashMap;
use std::mem::size_of_val;
use std::panic::catch_unwind;
use std::str::from_utf8;

/// Numbers of fields (opentelemetry/proto/{collector/logs,logs,common,resource}/v1).
mod field {
    pub const RESOURCE_LOGS: u32 = 1;
    pub const RESOURCE: u32 = 1;
    pub const SCOPE_LOGS: u32 = 2;
    pub const SCOPE: u32 = 1;
    pub const LOG_RECORDS: u32 = 2;
    pub const TIME: u32 = 1;
    pub const SEVERITY_NUMBER: u32 = 2;
    pub const SEVERITY_TEXT: u32 = 3;
    pub const BODY: u32 = 5;
    pub const ATTRIBUTES: u32 = 6;
    pub const TRACE_ID: u32 = 9;
    pub const SPAN_ID: u32 = 10;
    pub const OBSERVED_TIME: u32 = 11;
    pub const EVENT_NAME: u32 = 12;
    pub const KEY: u32 = 1;
    pub const VALUE: u32 = 2;
    pub const STRING: u32 = 1;
    pub const BOOL: u32 = 2;
    pub const INT: u32 = 3;
    pub const DOUBLE: u32 = 4;
    pub const BYTES: u32 = 7;
}

/// Wire types (protobuf encoding, "Message Structure").
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

/// Reads a message front to back; `None` anywhere means: decline.
#[derive(Clone, Copy)]
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Reader { rest }
    }

    fn more(&self) -> bool {
        !self.rest.is_empty()
    }

    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let taken = self.rest.get(..size)?;
        self.rest = &self.rest[size..];
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let (&first, rest) = self.rest.split_first()?;
        if first < 0x80 {
            self.rest = rest;
            return Some(first.into());
        }
        let mut value = 0u64;
        for at in 0..10 {
            let byte = *self.rest.get(at)?;
            if at == 9 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Some(value);
            }
        }
        None
    }

    /// A field's number and wire type.
    fn tag(&mut self) -> Option<(u32, u32)> {
        let tag = u32::try_from(self.varint()?).ok()?;
        (tag >> 3 != 0).then_some((tag >> 3, tag & 7))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let size = usize::try_from(self.varint()?).ok()?;
        self.take(size)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let bytes = self.bytes()?;
        from_utf8(bytes).ok()?;
        Some(bytes)
    }

    fn fixed64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// Over a field that nobody here asks for.
    fn skip(&mut self, wire: u32) -> Option<()> {
        match wire {
            VARINT => self.varint().map(drop),
            FIXED64 => self.take(8).map(drop),
            LENGTH => self.bytes().map(drop),
            FIXED32 => self.take(4).map(drop),
            _ => None,
        }
    }
}

/// Calls `each` with every field of a message that has the number and is of the length-delimited wire type.
fn every<'a>(message: &'a [u8], number: u32, mut each: impl FnMut(&'a [u8]) -> Option<()>) -> Option<()> {
    let mut reader = Reader::new(message);
    while reader.more() {
        match reader.tag()? {
            (found, LENGTH) if found == number => each(reader.bytes()?)?,
            (_, wire) => reader.skip(wire)?,
        }
    }
    Some(())
}

/// The one field of that number, empty where there is none; two of them would have to be merged.
fn single(message: &[u8], number: u32) -> Option<&[u8]> {
    let mut found: Option<&[u8]> = None;
    every(message, number, |bytes| found.replace(bytes).is_none().then_some(()))?;
    Some(found.unwrap_or_default())
}

/// Calls `each` with resource, scope and whole of every `ScopeLogs`, in their order.
fn scope_logs<'a>(request: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8], &'a [u8]) -> Option<()>) -> Option<()> {
    every(request, field::RESOURCE_LOGS, |logs| {
        let resource = single(logs, field::RESOURCE)?;
        every(logs, field::SCOPE_LOGS, |of_scope| each(resource, single(of_scope, field::SCOPE)?, of_scope))
    })
}

/// A column of texts as Arrow has it: where each ends, and all of them one behind the other.
struct Texts {
    offsets: Vec<i32>,
    data: Vec<u8>,
}

impl Texts {
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Texts { offsets, data: Vec::with_capacity(bytes) }
    }

    fn close(&mut self) -> Option<()> {
        self.offsets.push(i32::try_from(self.data.len()).ok()?);
        Some(())
    }

    fn push(&mut self, text: &[u8]) -> Option<()> {
        self.data.extend_from_slice(text);
        self.close()
    }

    /// An `AnyValue`, as text; of several forms the last one counts.
    fn push_value(&mut self, message: &[u8]) -> Option<()> {
        let start = self.data.len();
        let mut reader = Reader::new(message);
        while reader.more() {
            let tag = reader.tag()?;
            self.data.truncate(start);
            match tag {
                (field::STRING, LENGTH) => self.data.extend_from_slice(reader.text()?),
                (field::BOOL, VARINT) => {
                    self.data.extend_from_slice(if reader.varint()? != 0 { b"true" } else { b"false" })
                }
                (field::INT, VARINT) => self.data.extend_from_slice((reader.varint()? as i64).to_string().as_bytes()),
                (field::DOUBLE, FIXED64) => write_double(f64::from_bits(reader.fixed64()?), &mut self.data),
                (number, wire) if number > field::BYTES => reader.skip(wire)?,
                _ => return None,
            }
        }
        self.close()
    }
}

/// As Arrow writes a double: the shortest figures that read back the same, plain from 1e-6 to 1e10.
fn write_double(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        out.extend_from_slice(if value.is_nan() {
            b"nan"
        } else if value > 0.0 {
            b"inf"
        } else {
            b"-inf"
        });
        return;
    }
    let short = format!("{value:e}");
    let (figures, power) = short.split_once('e').expect("Rust writes an exponent");
    let power: i32 = power.parse().expect("and it is a number");
    if (-6..10).contains(&power) {
        out.extend_from_slice(value.to_string().as_bytes());
    } else {
        out.extend_from_slice(format!("{figures}e{}{power}", if power < 0 { "" } else { "+" }).as_bytes());
    }
}

/// Numbers names in the order in which they are met.
struct Names<'a> {
    codes: HashMap<&'a [u8], i32>,
    all: Vec<&'a [u8]>,
}

impl<'a> Names<'a> {
    /// `guess`: records of one kind have the same names in the same order, so the last record's is tried first.
    fn code(&mut self, name: &'a [u8], guess: Option<i32>) -> Option<i32> {
        if let Some(code) = guess.filter(|&code| self.all[code as usize] == name) {
            return Some(code);
        }
        if let Some(&code) = self.codes.get(name) {
            return Some(code);
        }
        from_utf8(name).ok()?;
        let code = i32::try_from(self.all.len()).ok()?;
        self.codes.insert(name, code);
        self.all.push(name);
        Some(code)
    }
}

/// Key and value of a `KeyValue`; each at most once.
fn pair(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value): (Option<&[u8]>, Option<&[u8]>) = (None, None);
    let mut reader = Reader::new(message);
    while reader.more() {
        match reader.tag()? {
            (field::KEY, LENGTH) if key.is_none() => key = Some(reader.bytes()?),
            (field::VALUE, LENGTH) if value.is_none() => value = Some(reader.bytes()?),
            (number, wire) if number > field::VALUE => reader.skip(wire)?,
            _ => return None,
        }
    }
    Some((key.unwrap_or_default(), value.unwrap_or_default()))
}

/// The columns of many records; see `Columns` in `assemble.py`.
struct Logs<'a> {
    times: Vec<i64>,
    severities: Vec<u8>,
    contexts: Vec<i64>,
    bodies: Texts,
    traces: Vec<u8>,
    spans: Vec<u8>,
    counts: Vec<i64>,
    keys: Vec<i32>,
    values: Texts,
    names: Names<'a>,
}

impl<'a> Logs<'a> {
    fn record(&mut self, message: &'a [u8], context: u32, extras: &[(i32, &[u8])]) -> Option<()> {
        let (mut time, mut observed, mut severity) = (0u64, 0u64, 0u64);
        let (mut severity_text, mut event_name): (&[u8], &[u8]) = (b"", b"");
        let (mut trace, mut span): (&[u8], &[u8]) = (b"", b"");
        let mut body = None;
        let before = self.keys.len();
        let last = before - *self.counts.last().unwrap_or(&0) as usize;
        let mut reader = Reader::new(message);
        while reader.more() {
            match reader.tag()? {
                (field::TIME, FIXED64) => time = reader.fixed64()?,
                (field::OBSERVED_TIME, FIXED64) => observed = reader.fixed64()?,
                (field::SEVERITY_NUMBER, VARINT) => severity = reader.varint()?,
                (field::SEVERITY_TEXT, LENGTH) => severity_text = reader.text()?,
                (field::EVENT_NAME, LENGTH) => event_name = reader.text()?,
                (field::TRACE_ID, LENGTH) => trace = reader.bytes()?,
                (field::SPAN_ID, LENGTH) => span = reader.bytes()?,
                (field::BODY, LENGTH) if body.is_none() => body = Some(reader.bytes()?),
                (field::ATTRIBUTES, LENGTH) => {
                    let (key, value) = pair(reader.bytes()?)?;
                    let at = last + self.keys.len() - before;
                    let guess = if at < before { Some(self.keys[at]) } else { None };
                    let code = self.names.code(key, guess)?;
                    self.keys.push(code);
                    self.values.push_value(value)?;
                }
                (4 | 7 | 8, wire) => reader.skip(wire)?,
                (number, wire) if number > field::EVENT_NAME => reader.skip(wire)?,
                _ => return None,
            }
        }
        for (name, text) in [(b"event_name".as_slice(), event_name), (b"severity_text".as_slice(), severity_text)] {
            if !text.is_empty() {
                let code = self.names.code(name, None)?;
                self.keys.push(code);
                self.values.push(text)?;
            }
        }
        for &(code, text) in extras {
            self.keys.push(code);
            self.values.push(text)?;
        }
        let time = if time == 0 { observed } else { time };
        self.times.push(time.min(i64::MAX as u64) as i64);
        // An int32 is what its lowest 32 bits say.
        self.severities.push(u8::try_from(severity as u32 as i32).ok().filter(|&number| number <= 24).unwrap_or(0));
        self.contexts.push(context.into());
        self.bodies.push_value(body.unwrap_or_default())?;
        put(&mut self.traces, trace, 16);
        put(&mut self.spans, span, 8);
        self.counts.push((self.keys.len() - before) as i64);
        Some(())
    }
}

/// An identifier of the right length, else zeros.
fn put(column: &mut Vec<u8>, identifier: &[u8], size: usize) {
    if identifier.len() == size {
        column.extend_from_slice(identifier);
    } else {
        column.resize(column.len() + size, 0);
    }
}

/// For every `ScopeLogs` the number of its context, and for every distinct context its resource and scope, encoded.
fn contexts<'a>(requests: &[&'a [u8]]) -> Option<(Vec<u32>, Vec<&'a [u8]>)> {
    let mut of_scope = Vec::new();
    let mut distinct = Vec::new();
    let mut numbers: HashMap<(&[u8], &[u8]), u32> = HashMap::new();
    for request in requests {
        scope_logs(request, |resource, scope, _| {
            let number = *numbers.entry((resource, scope)).or_insert_with(|| {
                distinct.extend([resource, scope]);
                (distinct.len() / 2 - 1) as u32
            });
            of_scope.push(number);
            Some(())
        })?;
    }
    Some((of_scope, distinct))
}

/// The records of several requests; `extras` are what the records of a context inherit: names and values in turn.
fn logs<'a>(requests: &[&'a [u8]], of_scope: &[u32], extras: &[Vec<&'a [u8]>]) -> Option<(Logs<'a>, Vec<i64>)> {
    let bytes: usize = requests.iter().map(|request| request.len()).sum();
    let rows = bytes / 256;
    let mut made = Logs {
        times: Vec::with_capacity(rows),
        severities: Vec::with_capacity(rows),
        contexts: Vec::with_capacity(rows),
        bodies: Texts::with_capacity(rows, bytes / 2),
        traces: Vec::with_capacity(rows * 16),
        spans: Vec::with_capacity(rows * 8),
        counts: Vec::with_capacity(rows),
        keys: Vec::with_capacity(rows * 8),
        values: Texts::with_capacity(rows * 8, bytes / 2),
        names: Names { codes: HashMap::new(), all: Vec::new() },
    };
    let mut inherited = Vec::with_capacity(extras.len());
    for extra in extras {
        let mut pairs = Vec::with_capacity(extra.len() / 2);
        for two in extra.chunks_exact(2) {
            pairs.push((made.names.code(two[0], None)?, two[1]));
        }
        inherited.push(pairs);
    }
    let mut sizes = Vec::with_capacity(requests.len());
    let mut scopes = of_scope.iter();
    for request in requests {
        let before = made.times.len();
        scope_logs(request, |_, _, of_scope| {
            let context = *scopes.next()?;
            let extra = inherited.get(context as usize)?;
            every(of_scope, field::LOG_RECORDS, |record| made.record(record, context, extra))
        })?;
        sizes.push((made.times.len() - before) as i64);
    }
    Some((made, sizes))
}

// What Python calls, by ctypes. Bytes that come in stay Python's and must outlive the call; what goes out is an `Output`
// that Python gives back to `wardlight_free_output`, and its columns, of which some live much longer than others: each goes
// back to `wardlight_free_column`. A function whose meaning changes gets another name: a library that was compiled from
// another version of this file is then not used, instead of misread.

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    start: *const u8,
    size: usize,
}

/// Owns the memory of a column, whatever its type is.
pub type Owner = Box<dyn Any>;

#[repr(C)]
pub struct Column {
    start: *const u8,
    size: usize,
    owner: *mut Owner,
}

#[repr(C)]
pub struct Output {
    columns: *const Column,
    count: usize,
    _owned: Vec<Column>,
}

#[derive(Default)]
struct Leaving {
    columns: Vec<Column>,
}

impl Leaving {
    fn column<T: 'static>(&mut self, mut column: Vec<T>) {
        column.shrink_to_fit();
        let (start, size) = (column.as_ptr().cast(), size_of_val(column.as_slice()));
        let owner: Owner = Box::new(column);
        self.columns.push(Column { start, size, owner: Box::into_raw(Box::new(owner)) });
    }

    fn texts(&mut self, texts: Texts) {
        self.column(texts.offsets);
        self.column(texts.data);
    }

    fn list(&mut self, texts: &[&[u8]]) -> Option<()> {
        let mut column = Texts::with_capacity(texts.len(), 0);
        texts.iter().try_for_each(|text| column.push(text))?;
        self.texts(column);
        Some(())
    }

    fn leave(self) -> *mut Output {
        let (columns, count) = (self.columns.as_ptr(), self.columns.len());
        Box::into_raw(Box::new(Output { columns, count, _owned: self.columns }))
    }
}

/// # Safety
/// `start` to `start + size` must be readable, and stay so while the slice is in use.
unsafe fn slice<'a, T>(start: *const T, size: usize) -> &'a [T] {
    if size == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(start, size) }
}

/// # Safety
/// As for `slice`, for every one of them.
unsafe fn slices<'a>(start: *const Bytes, count: usize) -> Vec<&'a [u8]> {
    unsafe { slice(start, count).iter().map(|one| slice(one.start, one.size)).collect() }
}

/// Columns: context of each `ScopeLogs`; resources and scopes in turn (offsets, bytes). Null: declined.
///
/// # Safety
/// As for `slices`.
#[no_mangle]
pub unsafe extern "C" fn wardlight_otlp_contexts(requests: *const Bytes, count: usize) -> *mut Output {
    let requests = unsafe { slices(requests, count) };
    let made = catch_unwind(|| {
        let (of_scope, distinct) = contexts(&requests)?;
        let mut out = Leaving::default();
        out.column(of_scope);
        out.list(&distinct)?;
        Some(out.leave())
    });
    made.ok().flatten().unwrap_or(std::ptr::null_mut())
}

/// Columns in the order of `Logs`, the names, and how many records each request has. Null: declined.
///
/// `of_scope` is what `wardlight_otlp_contexts` gave; `extras` are names and values in turn, `extra_counts` how many of
/// both together each context has.
///
/// # Safety
/// As for `slices`.
#[no_mangle]
pub unsafe extern "C" fn wardlight_otlp_logs(
    requests: *const Bytes,
    count: usize,
    of_scope: *const u32,
    scopes: usize,
    extras: *const Bytes,
    extra_counts: *const usize,
    contexts: usize,
) -> *mut Output {
    let requests = unsafe { slices(requests, count) };
    let of_scope = unsafe { slice(of_scope, scopes) };
    let extra_counts = unsafe { slice(extra_counts, contexts) };
    let all_extras = unsafe { slices(extras, extra_counts.iter().sum()) };
    let made = catch_unwind(|| {
        let mut rest = all_extras.as_slice();
        let mut extras = Vec::with_capacity(contexts);
        for &size in extra_counts {
            extras.push(rest.get(..size)?.to_vec());
            rest = &rest[size..];
        }
        let (made, sizes) = logs(&requests, of_scope, &extras)?;
        let mut out = Leaving::default();
        out.list(&made.names.all)?;
        out.column(made.times);
        out.column(made.severities);
        out.column(made.contexts);
        out.texts(made.bodies);
        out.column(made.traces);
        out.column(made.spans);
        out.column(made.counts);
        out.column(made.keys);
        out.texts(made.values);
        out.column(sizes);
        Some(out.leave())
    });
    made.ok().flatten().unwrap_or(std::ptr::null_mut())
}

/// # Safety
/// `output` comes from here and isn't used any more.
#[no_mangle]
pub unsafe extern "C" fn wardlight_free_output(output: *mut Output) {
    if !output.is_null() {
        drop(unsafe { Box::from_raw(output) });
    }
}

/// # Safety
/// `owner` is of a column that comes from here and isn't used any more.
#[no_mangle]
pub unsafe extern "C" fn wardlight_free_column(owner: *mut Owner) {
    if !owner.is_null() {
        drop(unsafe { Box::from_raw(owner) });
    }
}
