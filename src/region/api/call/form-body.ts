// The parameters of a request, from its query and its body, in every form that clients send:
// URL-encoded, multipart, JSON.
//
// Sources: WHATWG URL §5.1 (URL-encoded), RFC 7578 and RFC 2046 §5.1 (multipart), RFC 2045 §6.8
// (base64). Seen: the maas command line marks every part `Content-Transfer-Encoding: base64`; other
// clients end lines with LF alone.
//
// 1. Never throws. Bytes that are not UTF-8 become U+FFFD, which no checked parameter accepts;
//    those of a part with a filename become Base64.
// 2. At most FIELDS_MAX values; dropped ones count, too.
// 3. A part in an unknown encoding or in invalid Base64 is refused: its bytes would not be those
//    that were sent.
// 4. Parsing takes time linear in the body's length.

import { isUtf8 } from 'node:buffer';
import { cleanText } from '../../../ground/clean-text.ts';
import { composeJsonFaultText } from '../../../ground/json-excess.ts';
import { splitTarget } from '../../../net/region-http.ts';
import { type RefusalWord, refusal } from '../../records/refusal.ts';
import { parseJson } from '../../records/text-json.ts';

export const FIELDS_MAX = 1000;
/** How much of a name a refusal shows. */
const NAME_SHOWN_MAX = 128;
export const PART_HEADER_MAX = 4096;
const BOUNDARY_MAX = 70;

/** Values by name, in the order they came. */
export type Fields = ReadonlyMap<string, readonly string[]>;
/** The parameters of a body. */
export interface ParsedFields {
  readonly kind: 'fields';
  readonly fields: Fields;
  /** The bytes of the parts with a filename, the last one of each field. */
  readonly files?: ReadonlyMap<string, Buffer> | undefined;
}
export type ParsedBody = ParsedFields | { readonly kind: 'fault'; readonly refusal: RefusalWord };

class FieldCollector {
  readonly fields = new Map<string, string[]>();
  #count = 0;

  /** Counts one more value, whether or not it is kept. @returns false beyond the bound */
  count(): boolean {
    this.#count += 1;
    return this.#count <= FIELDS_MAX;
  }

  /** @returns false beyond the bound */
  add(name: string, value: string): boolean {
    if (!this.count()) return false;
    const values = this.fields.get(name);
    if (values === undefined) this.fields.set(name, [value]);
    else values.push(value);
    return true;
  }
}

export const TOO_MANY_PARAMETERS = `more than ${FIELDS_MAX} parameters`;

const TOO_MANY: ParsedBody = { kind: 'fault', refusal: refusal('bad-request', TOO_MANY_PARAMETERS) };

/** The parameters of a URL-encoded text: a query without its question mark, or a body. */
export function parseUrlEncoded(text: string): ParsedBody {
  const collector = new FieldCollector();
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('&', start) === -1 ? text.length : text.indexOf('&', start);
    const pair = text.slice(start, end);
    start = end + 1;
    if (pair === '') {
      if (!collector.count()) return TOO_MANY;
      continue;
    }
    const equals = pair.indexOf('=');
    const name = decodeForm(equals === -1 ? pair : pair.slice(0, equals));
    if (!collector.add(name, equals === -1 ? '' : decodeForm(pair.slice(equals + 1)))) return TOO_MANY;
  }
  return { kind: 'fields', fields: collector.fields };
}

/**
 * The parameters in the query of a request's target; none if there is no query, or if it has more
 * than FIELDS_MAX.
 */
export function parseTargetQuery(target = ''): Fields {
  const parsed = parseUrlEncoded(splitTarget(target).query);
  return parsed.kind === 'fields' ? parsed.fields : new Map();
}

/**
 * The name of the wanted operation: that in the query, or else that in the body. Source: MAAS's
 * clients, which always write it in the query.
 */
export const opIn = (query: Fields, fields: Fields): string | undefined =>
  query.get('op')?.at(-1) || fields.get('op')?.at(-1) || undefined;

/**
 * True if no database of a region can hold the text: it has a NUL, or half of a surrogate pair,
 * which only JSON can have.
 */
const isUnstorable = (text: string) => text.includes('\0') || !text.isWellFormed();

/**
 * The first name that no database of a region can hold, or that has such a value; `undefined` if
 * there is none.
 */
export function findUnstorable(fields: Fields): string | undefined {
  for (const [name, values] of fields) {
    if (isUnstorable(name) || values.some(isUnstorable)) return name;
  }
  return undefined;
}

/** The value of each octet as a hexadecimal digit; `undefined` if it is not one. */
const DIGITS: readonly (number | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? undefined : digit;
});

/** Decodes `+` and `%41`; a `%` that is not followed by two hexadecimal digits stays. */
function decodeForm(text: string) {
  if (!/[%+\u0080-\uffff]/.test(text)) return text;
  // Decoded in place: writing never overtakes reading.
  const octets = Buffer.from(text, 'latin1');
  let length = 0;
  for (let index = 0; index < octets.length; index += 1) {
    const octet = octets[index] ?? 0;
    const high = octet === 0x25 ? DIGITS[octets[index + 1] ?? 0] : undefined;
    const low = high === undefined ? undefined : DIGITS[octets[index + 2] ?? 0];
    if (high !== undefined && low !== undefined) {
      octets[length] = high * 16 + low;
      index += 2;
    } else octets[length] = octet === 0x2b ? 0x20 : octet;
    length += 1;
  }
  return octets.toString('utf8', 0, length);
}

/** The parameters of a body of the given content type. An empty body has none, whatever its type. */
export function parseBody(contentType: string, body: Buffer): ParsedBody {
  if (body.length === 0) return { kind: 'fields', fields: new Map() };
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase();
  switch (type) {
    case 'application/x-www-form-urlencoded':
      return parseUrlEncoded(body.toString('latin1'));
    case 'multipart/form-data':
      return parseMultipart(contentType, body);
    case 'application/json':
      return parseJsonBody(body.toString('utf8'));
    default:
      return {
        kind: 'fault',
        refusal: refusal(
          'unknown-body',
          'send parameters as application/x-www-form-urlencoded, multipart/form-data or application/json',
        ),
      };
  }
}

function parseJsonBody(text: string): ParsedBody {
  const parsed = parseJson(text);
  if (parsed.kind === 'fault')
    return { kind: 'fault', refusal: refusal('bad-request', `the body ${composeJsonFaultText(parsed.fault)}`) };
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'fault', refusal: refusal('bad-request', 'a JSON body must be an object of parameters') };
  }
  const collector = new FieldCollector();
  for (const [name, entry] of Object.entries(value)) {
    for (const item of Array.isArray(entry) ? entry : [entry]) {
      if (item === null || item === undefined) {
        if (!collector.count()) return TOO_MANY;
        continue;
      }
      const text = typeof item === 'object' ? JSON.stringify(item) : String(item);
      if (!collector.add(name, text)) return TOO_MANY;
    }
  }
  return { kind: 'fields', fields: collector.fields };
}

/** The boundary between the parts of a body; `undefined` if the content type names none that is usable. */
export function parseBoundary(contentType: string): string | undefined {
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  return boundary === undefined || boundary.length > BOUNDARY_MAX ? undefined : boundary;
}

export const BOUNDARY = 'multipart/form-data without a usable boundary';

export const UNENDED = 'multipart/form-data that does not end with its boundary';

/** Decodes the body as one character a byte, so that positions in the text are byte positions. */
function parseMultipart(contentType: string, body: Buffer): ParsedBody {
  const boundary = parseBoundary(contentType);
  if (boundary === undefined) return { kind: 'fault', refusal: refusal('bad-request', BOUNDARY) };
  const text = `\n${body.toString('latin1')}`;
  const mark = `\n--${boundary}`;
  const collector = new FieldCollector();
  const files = new Map<string, Buffer>();
  let start = text.indexOf(mark);
  while (start !== -1) {
    const from = start + mark.length;
    if (text.startsWith('--', from)) return { kind: 'fields', fields: collector.fields, files };
    const end = text.indexOf(mark, from);
    if (end === -1) break;
    const part = parsePart(text.slice(from, text[end - 1] === '\r' ? end - 1 : end));
    if (part !== undefined && 'text' in part) return { kind: 'fault', refusal: part };
    if (!(part === undefined ? collector.count() : collector.add(part.name, part.value))) return TOO_MANY;
    if (part?.file !== undefined) files.set(part.name, part.file);
    start = end;
  }
  return { kind: 'fault', refusal: refusal('bad-request', UNENDED) };
}

/** The encodings of parts that are read (RFC 2045 §6.1); all but Base64 leave the bytes as they are. */
const READ_ENCODINGS: ReadonlySet<string> = new Set(['', '7bit', '8bit', 'binary', 'base64']);

/** The refusal of a part that is not in Base64, although its header says so. */
export const notBase64 = (field: string): RefusalWord =>
  refusal(
    'bad-request',
    `the part ${cleanText(field, NAME_SHOWN_MAX)} is not Base64, although its Content-Transfer-Encoding says so`,
  );

/** True for Base64 without blanks, or the beginning of one. */
export const isBase64Text = (packed: string): boolean => /^[A-Za-z0-9+/]*={0,2}$/.test(packed);

/** The bytes of a part; `undefined`: it is not in the Base64 that its header names. */
export function decodePart(content: string, isBase64: boolean): Buffer | undefined {
  if (!isBase64) return Buffer.from(content, 'latin1');
  const packed = content.replaceAll(/\s/g, '');
  return isBase64Text(packed) && packed.length % 4 !== 1 ? Buffer.from(packed, 'base64') : undefined;
}

interface PartHeader {
  readonly name: string;
  readonly isBase64: boolean;
  /** Why its content cannot be read. */
  readonly refusal: RefusalWord | undefined;
  readonly isFile: boolean;
  /** The length of the header with the empty line after it. */
  readonly length: number;
}

/**
 * Parses the header of a part, from after its boundary; `undefined` if it has no end within
 * PART_HEADER_MAX, or no name.
 */
export function parsePartHeader(text: string): PartHeader | undefined {
  const blank = /\r?\n\r?\n/.exec(text.slice(0, PART_HEADER_MAX));
  if (blank === null) return undefined;
  const header = text.slice(0, blank.index);
  const disposition = /^content-disposition:[^\n]*?;\s*name=(?:"([^"\r\n]*)"|([^\s;]+))/im.exec(header);
  const name = disposition?.[1] ?? disposition?.[2];
  if (name === undefined) return undefined;
  const field = Buffer.from(name, 'latin1').toString('utf8');
  const encoding = /^content-transfer-encoding:[ \t]*(\S*)/im.exec(header)?.[1]?.toLowerCase() ?? '';
  return {
    name: field,
    isBase64: encoding === 'base64',
    refusal: READ_ENCODINGS.has(encoding)
      ? undefined
      : refusal(
          'bad-request',
          `the part ${cleanText(field, NAME_SHOWN_MAX)} has the Content-Transfer-Encoding ${cleanText(encoding, 64)}: send base64, 8bit or none`,
        ),
    isFile: /^content-disposition:[^\n]*?;\s*filename=/im.test(header),
    length: blank.index + blank[0].length,
  };
}

interface BodyPart {
  readonly name: string;
  readonly value: string;
  readonly file: Buffer | undefined;
}

function parsePart(text: string): BodyPart | RefusalWord | undefined {
  const header = parsePartHeader(text);
  if (header === undefined) return undefined;
  if (header.refusal !== undefined) return header.refusal;
  const bytes = decodePart(text.slice(header.length), header.isBase64);
  if (bytes === undefined) return notBase64(header.name);
  return {
    name: header.name,
    value: header.isFile && !isText(bytes) ? bytes.toString('base64') : bytes.toString('utf8'),
    file: header.isFile ? bytes : undefined,
  };
}

const isText = (bytes: Buffer) => isUtf8(bytes) && !bytes.includes(0);
