// Reads a multipart form with one large file while it arrives: the file is handed on in pieces,
// everything else becomes parameters.
//
// Sources: RFC 7578 and RFC 2046 §5.1 (multipart), RFC 2045 §6.8 (base64), as in `form-body.ts`.
//
// 1. In memory are the newest piece of the file, and at most OTHERS_BYTES_MAX of all else.
// 2. The form counts only with its last boundary: a body that was cut short is a fault, after its
//    file was handed on.
// 3. A part without a name is skipped: python-libmaas sends a form without parameters as one empty
//    part without a header.

import { copyBytes } from '../../../ground/borrowed-bytes.ts';
import { type RefusalWord, refusal } from '../../records/refusal.ts';
import {
  BOUNDARY,
  decodePart,
  FIELDS_MAX,
  type Fields,
  isBase64Text,
  notBase64,
  PART_HEADER_MAX,
  parseBoundary,
  parsePartHeader,
  TOO_MANY_PARAMETERS,
  UNENDED,
} from './form-body.ts';

/** All that is not the file, in bytes. */
const OTHERS_BYTES_MAX = 256 * 1024;
const CARRIAGE_RETURN = 0x0d;

/** A form, with what the taker made of its file; `undefined`: it has none. */
type StreamedForm<T> =
  | { readonly kind: 'form'; readonly fields: Fields; readonly file: T | undefined }
  /** `file`: it came before the fault. */
  | { readonly kind: 'fault'; readonly refusal: RefusalWord; readonly file: T | undefined };

class FormFault extends Error {
  readonly refusal: RefusalWord;
  constructor(word: RefusalWord) {
    super(word.text);
    this.refusal = word;
  }
}

/**
 * @param fileName the name of the part with the file; only the first one of it is taken
 * @param take gets its content, decoded; it must read all of it
 */
export async function readStreamedForm<T>(
  contentType: string,
  body: AsyncIterable<Uint8Array>,
  fileName: string,
  take: (content: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<StreamedForm<T>> {
  const fields = new Map<string, string[]>();
  let file: T | undefined;
  try {
    const boundary = parseBoundary(contentType);
    if (boundary === undefined) throw new FormFault(refusal('bad-request', BOUNDARY));
    const parts = new PartReader(body, boundary);
    for (let count = 0; ; count += 1) {
      const header = await parts.next();
      if (header === undefined) return { kind: 'form', fields, file };
      if (count >= FIELDS_MAX) throw new FormFault(refusal('bad-request', TOO_MANY_PARAMETERS));
      if (header === 'unnamed') continue;
      if (header.refusal !== undefined) throw new FormFault(header.refusal);
      if (header.name === fileName && file === undefined) {
        file = await take(header.isBase64 ? decodeBase64(fileName, parts.content()) : parts.content());
        continue;
      }
      const text = Buffer.from(await parts.whole()).toString('latin1');
      const value = decodePart(text, header.isBase64);
      if (value === undefined) throw new FormFault(notBase64(header.name));
      fields.set(header.name, [...(fields.get(header.name) ?? []), value.toString('utf8')]);
    }
  } catch (error) {
    if (error instanceof FormFault) return { kind: 'fault', refusal: error.refusal, file };
    throw error;
  }
}

class PartReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #mark: Buffer;
  /** Bytes that have arrived and are not used yet. The first boundary has no line before it. */
  #rest: Buffer = Buffer.from('\n');
  #others = 0;

  constructor(body: AsyncIterable<Uint8Array>, boundary: string) {
    this.#source = body[Symbol.asyncIterator]();
    this.#mark = Buffer.from(`\n--${boundary}`, 'latin1');
    this.#isFirst = true;
  }

  #isFirst: boolean;

  /**
   * The header of the next part, or that it was skipped; undefined: that was the last one. Call it
   * when the part before was read.
   */
  async next(): Promise<ReturnType<typeof parsePartHeader> | 'unnamed'> {
    if (this.#isFirst) await this.whole();
    this.#isFirst = false;
    for (;;) {
      const text = this.#rest.toString('latin1', 0, PART_HEADER_MAX);
      if (text.startsWith('--')) return undefined;
      const header = text.length < 2 ? undefined : parsePartHeader(text);
      if (header !== undefined) {
        this.#count(header.length);
        this.#drop(header.length);
        return header;
      }
      const end = this.#rest.indexOf(this.#mark);
      if (end >= 0) {
        this.#drop(end + this.#mark.length);
        return 'unnamed';
      }
      if (text.length >= PART_HEADER_MAX || !(await this.#fill())) throw new FormFault(refusal('bad-request', UNENDED));
    }
  }

  /** The content of the part, up to its boundary. */
  async *content(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#rest.indexOf(this.#mark);
      if (at >= 0) {
        const end = at > 0 && this.#rest[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
        const last = copyBytes(this.#rest, 0, end);
        this.#drop(at + this.#mark.length);
        if (last.length > 0) yield last;
        return;
      }
      // The end may be the beginning of a boundary.
      const safe = this.#rest.length - this.#mark.length;
      if (safe > 0) {
        const piece = copyBytes(this.#rest, 0, safe);
        this.#drop(safe);
        yield piece;
      }
      if (!(await this.#fill())) throw new FormFault(refusal('bad-request', UNENDED));
    }
  }

  /** The whole content of a small part at once. */
  async whole(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.content()) {
      this.#count(piece.length);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  #count(bytes: number) {
    this.#others += bytes;
    if (this.#others > OTHERS_BYTES_MAX)
      throw new FormFault(
        refusal('bad-request', `the parameters of the form have more than ${OTHERS_BYTES_MAX} bytes`),
      );
  }

  #drop(bytes: number) {
    this.#rest = Buffer.from(copyBytes(this.#rest, bytes, this.#rest.length));
  }

  /** @returns false if the body is over */
  async #fill() {
    const { done, value } = await this.#source.next();
    if (done === true) return false;
    this.#rest = Buffer.concat([this.#rest, value]);
    return true;
  }
}

async function* decodeBase64(name: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = '';
  let hasEnded = false;
  for await (const piece of content) {
    const text = rest + Buffer.from(piece).toString('latin1').replaceAll(/\s/g, '');
    if (!isBase64Text(text) || (hasEnded && text !== '')) throw new FormFault(notBase64(name));
    hasEnded ||= text.length % 4 === 0 && text.endsWith('=');
    const whole = text.length - (text.length % 4);
    rest = text.slice(whole);
    if (whole > 0) yield Buffer.from(text.slice(0, whole), 'base64');
  }
  if (rest.length === 1) throw new FormFault(notBase64(name));
  if (rest !== '') yield Buffer.from(rest, 'base64');
}
