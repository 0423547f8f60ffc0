// Checks the messages of a PostgreSQL server before the driver reads them. The driver trusts the lengths and ends in a message: it throws an
// error that nobody catches, or reads without end, if a network without TLS has damaged one. It makes a string of each value, and a string of
// more than 512 MiB ends the process: one row with such a value, written by hand, would end every process that lists it.
//
//   header ──▶ the parts of the content, by its type ──▶ header
//      └── no type that may come now, too large; a part that does not fit ──▶ fault
//
//   log-in R… K S Z ──▶ answers ─▶ 1 2 T D… C ─▶ Z ──▶ answers        (E instead of any: then only Z)
//
// Sources: postgresql.org/docs/15/protocol-overview.html (55.1.1: a byte for the type, then the length in 4 bytes, which counts itself),
// /protocol-flow.html, /protocol-message-formats.html, /protocol-error-fields.html; nodejs.org/api/buffer.html
// (buffer.constants.MAX_STRING_LENGTH).
//
// 1. The types are those of answers to log-ins and statements: nothing here copies in bulk, or reads a result in parts.
// 2. A damaged value of the right length passes, as no checksum protects it: only TLS does. `PostgresClient` closes the connection if the
//    driver cannot read such a value.
// 3. The order matters: the driver gives a message to the query that it believes to be under way, so a lost or repeated one would answer
//    the wrong query, or end it too early.

/**
 * The largest message, in bytes. The largest row that a region writes is a file of a user, 64 MiB, which the server sends as twice as many
 * hexadecimal digits.
 */
const MESSAGE_BYTES_MAX = 192 * 1024 * 1024;
const HEADER_BYTES = 5;
const LENGTH_BYTES = 4;
const TWO_TO_32 = 2 ** 32;

/** A part of a message: a number of 1 to 5 bytes, a text up to its NUL, or, if negative, bytes that may be anything. */
type Part = number;
const TEXT: Part = 0;
/** All bytes of the message that are left. */
const REST: Part = Number.NEGATIVE_INFINITY;
/** The length of a value that is NULL. */
const NULL_LENGTH = TWO_TO_32 - 1;
/** The rest of a column's description after its name, without its last 2 bytes: the format of its values, of which the driver's parsers read TEXT_FORMAT. */
const COLUMN_BYTES = 16;
const TEXT_FORMAT = 0;
/** The field of an error or a notice that names its severity in English, and the first letters of the severities of errors. */
const SEVERITY = 'V';
const ERRORS = 'EFP';
/** The fields that every error has: its SQLSTATE, of SQLSTATE_BYTES capitals and digits, and its text. */
const SQLSTATE = 'C';
const SQLSTATE_BYTES = 5;
const MESSAGE = 'M';
/** The driver reads a larger count of columns, values or parameters as a negative one. */
const COUNT_MAX = 2 ** 15 - 1;
/** JavaScript holds a number of this many digits exactly. */
const DIGITS_MAX = 15;
const SPACE = 0x20;
/** No column of a statement here begins with it, so none is `__proto__`. */
const UNDERSCORE = 0x5f;

const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** The number of columns while no statement has described its rows. */
const UNDESCRIBED = -1;

/** Which messages may come next on a connection, given those that came. */
class Order {
  #isAdmitted = false;
  #isLoggedIn = false;
  /** True once a statement since the last readiness has ended, or failed. */
  #hasEnded = false;
  #hasFailed = false;
  /** The columns of the rows of the statement under way, or UNDESCRIBED. */
  columns = UNDESCRIBED;

  /** The log-in succeeded. */
  admit(): void {
    this.#isAdmitted = true;
  }

  /** Notes that a message comes. @returns false if it may not come now, or has no type of an answer */
  begins(type: string): boolean {
    switch (type) {
      case 'N':
      case 'S':
      case 'A':
        return true;
      case 'E':
        this.#hasFailed = true;
        this.columns = UNDESCRIBED;
        return true;
      case 'R':
        return !this.#isAdmitted;
      case 'K':
        return this.#isAdmitted && !this.#isLoggedIn;
      case 'Z':
        return this.#becomesReady();
      default:
        return this.#isLoggedIn && !this.#hasFailed && this.#continues(type);
    }
  }

  #becomesReady(): boolean {
    const isNow = this.#isLoggedIn ? this.#hasEnded || this.#hasFailed : this.#isAdmitted;
    this.#isLoggedIn = true;
    this.#hasEnded = false;
    this.#hasFailed = false;
    return isNow && this.columns === UNDESCRIBED;
  }

  #continues(type: string): boolean {
    const isDescribed = this.columns !== UNDESCRIBED;
    switch (type) {
      case 'D':
        return isDescribed;
      case 'C':
      case 'I':
        this.#hasEnded = true;
        this.columns = UNDESCRIBED;
        return true;
      case 'T':
        return !isDescribed;
      default:
        return !isDescribed && !this.#hasEnded;
    }
  }
}

/** The parts of a message's content; it gets the numbers, and the lengths of the texts. @returns false if it has another form */
function* contentOf(type: string, order: Order): Generator<Part, boolean, number> {
  if (!order.begins(type)) return false;
  switch (type) {
    case '1': // ParseComplete
    case '2': // BindComplete
    case '3': // CloseComplete
    case 'n': // NoData
    case 'I': // EmptyQueryResponse
      return true;
    case 'Z': // ReadyForQuery
      return 'ITE'.includes(String.fromCharCode(yield 1));
    case 'K': // BackendKeyData
      yield -8;
      return true;
    case 'A': // NotificationResponse
      yield -4;
      yield TEXT;
      yield TEXT;
      return true;
    case 'S': // ParameterStatus
      yield TEXT;
      yield TEXT;
      return true;
    case 'C': // CommandComplete
      return yield* tag();
    case 'R':
      return yield* authentication(order);
    case 'D': {
      // DataRow
      const count = yield 2;
      for (let values = count; values > 0; values -= 1) {
        const length = yield 4;
        if (length !== NULL_LENGTH && length > 0) yield -length;
      }
      return count === order.columns;
    }
    case 'T': // RowDescription
      order.columns = yield 2;
      if (order.columns > COUNT_MAX) return false;
      for (let columns = order.columns; columns > 0; columns -= 1) if (!(yield* column())) return false;
      return true;
    case 't': {
      // ParameterDescription
      const count = yield 2;
      for (let parameters = count; parameters > 0; parameters -= 1) yield -4;
      return count <= COUNT_MAX;
    }
    case 'E': // ErrorResponse
    case 'N': // NoticeResponse
      return yield* fieldsOf(type === 'E');
    default:
      return false;
  }
}

/** The description of a column. */
function* column(): Generator<Part, boolean, number> {
  const first = yield 1;
  if (first === 0 || first === UNDERSCORE) return false;
  yield TEXT;
  yield -COLUMN_BYTES;
  return (yield 2) === TEXT_FORMAT;
}

/** The work of a statement: words in capitals, then numbers. The driver takes two answers for one if it cannot read it. */
function* tag(): Generator<Part, boolean, number> {
  let byte = yield 1;
  let hasNumber = false;
  if (!isCapital(byte)) return false;
  for (let digits = 0; byte !== 0; byte = yield 1) {
    digits = isDigit(byte) ? digits + 1 : 0;
    hasNumber ||= digits > 0;
    if (digits > DIGITS_MAX) return false;
    if (digits === 0 && byte !== SPACE && (hasNumber || !isCapital(byte))) return false;
  }
  return true;
}

/**
 * The fields of an error or a notice. A damaged type must not make one of the other: a failed COMMIT would count as stored. An error without
 * its SQLSTATE has no meaning.
 */
function* fieldsOf(isError: boolean): Generator<Part, boolean, number> {
  let isMeant = false;
  let isSaid = false;
  for (let field = yield 1; field !== 0; field = yield 1) {
    const name = String.fromCharCode(field);
    isSaid ||= name === MESSAGE;
    if (name === SEVERITY && ERRORS.includes(String.fromCharCode(yield 1)) !== isError) return false;
    if (name === SQLSTATE) {
      isMeant = true;
      for (let left = SQLSTATE_BYTES; left > 0; left -= 1) {
        const byte = yield 1;
        if (!isCapital(byte) && !isDigit(byte)) return false;
      }
      if ((yield 1) !== 0) return false;
    } else yield TEXT;
  }
  return !isError || (isMeant && isSaid);
}

/** A demand of the log-in that the driver knows, or its success. */
function* authentication(order: Order): Generator<Part, boolean, number> {
  switch (yield 4) {
    case 0: // Ok
      order.admit();
      return true;
    case 3: // CleartextPassword
      return true;
    case 5: // MD5Password
      yield -4;
      return true;
    case 10: // SASL
      for (let length = yield TEXT; length > 0; ) length = yield TEXT;
      return true;
    case 11: // SASLContinue
    case 12: // SASLFinal
      yield REST;
      return true;
    default:
      return false;
  }
}

export type MessageFault = 'damaged' | 'too-large';

/** Follows the messages of one connection. */
export class ServerMessages {
  readonly #largest: number;
  readonly #order = new Order();
  #haveBegun = false;
  /** The content of the current message; undefined: its header. */
  #content: Generator<Part, boolean, number> | undefined;
  /** Bytes of the current message after the current part. */
  #left = 0;
  #part: Part = HEADER_BYTES;
  /** Bytes of the current part that are still to come, unless it is a text. */
  #missing = HEADER_BYTES;
  /** The number that was read so far, or the length of the text. */
  #value = 0;

  /** @param largest the bytes of the largest message */
  constructor(largest = MESSAGE_BYTES_MAX) {
    this.#largest = largest;
  }

  /** True once a whole message has come: the server speaks the protocol. */
  get haveBegun(): boolean {
    return this.#haveBegun;
  }

  /** @returns the first fault of the messages that the bytes belong to; call it no more then */
  faultIn(bytes: Uint8Array): MessageFault | undefined {
    for (let at = 0; at < bytes.length; ) {
      let isWhole: boolean;
      if (this.#part === TEXT) {
        const end = bytes.indexOf(0, at);
        isWhole = end >= 0;
        const taken = (isWhole ? end + 1 : bytes.length) - at;
        this.#left -= taken;
        this.#value += isWhole ? taken - 1 : taken;
        at += taken;
      } else {
        const taken = Math.min(this.#missing, bytes.length - at);
        for (let index = at; this.#part > 0 && index < at + taken; index += 1)
          this.#value = this.#value * 256 + (bytes[index] ?? 0);
        this.#missing -= taken;
        at += taken;
        isWhole = this.#missing === 0;
      }
      // The driver reads a message once all its bytes are there, so a part that goes beyond them must be found before any others come.
      const fault = isWhole && this.#left >= 0 ? this.#next() : undefined;
      if (fault !== undefined) return fault;
      if (this.#left < (this.#part === TEXT ? 1 : 0)) return 'damaged';
    }
    return undefined;
  }

  /** Continues with the next part, of this message or of the next one. */
  #next(): MessageFault | undefined {
    const value = this.#value;
    this.#value = 0;
    if (this.#content === undefined) {
      const type = String.fromCharCode(Math.floor(value / TWO_TO_32));
      this.#content = contentOf(type, this.#order);
      this.#left = (value % TWO_TO_32) - LENGTH_BYTES;
      // Only a row may be this large.
      if (this.#left > this.#largest) return type === 'D' ? 'too-large' : 'damaged';
    }
    const next = this.#content.next(value);
    if (next.done === true) {
      if (!next.value || this.#left !== 0) return 'damaged';
      this.#haveBegun = true;
      this.#content = undefined;
      this.#part = HEADER_BYTES;
      this.#missing = HEADER_BYTES;
      return undefined;
    }
    this.#part = next.value === REST ? -this.#left : next.value;
    this.#missing = Math.abs(this.#part);
    this.#left -= this.#missing;
    return undefined;
  }
}
