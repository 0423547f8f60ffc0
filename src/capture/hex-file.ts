// Reads UDP payloads in hexadecimal digits, like the fixtures: lines that begin with `#` are comments, and an empty line ends a payload.

/** The most payloads read from one file. */
const PAYLOADS_MAX = 65_536;

export interface HexPayload {
  /** The comments before it, without `#`. */
  readonly comment: string;
  readonly bytes: Uint8Array;
}

/** The payloads, or the number, from 1, of the line that is not hexadecimal. */
type HexFile =
  | { readonly ok: true; readonly payloads: readonly HexPayload[] }
  | { readonly ok: false; readonly line: number };

/** Reads such a file. Offsets before the digits, as written by `xxd` and `hexdump -C`, are not supported. */
export function readHexFile(text: string): HexFile {
  const payloads: HexPayload[] = [];
  let comment: string[] = [];
  let digits = '';
  const finish = (): void => {
    if (digits !== '') payloads.push({ comment: comment.join(' '), bytes: Buffer.from(digits, 'hex') });
    if (digits !== '') comment = [];
    digits = '';
  };
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (payloads.length >= PAYLOADS_MAX) break;
    if (line.startsWith('#')) {
      if (digits !== '') finish();
      comment.push(line.replace(/^#+\s*/, ''));
      continue;
    }
    const own = line.replaceAll(/[\s:]/g, '');
    if (own === '') finish();
    else if (!/^(?:[0-9a-f]{2})+$/i.test(own)) return { ok: false, line: index + 1 };
    else digits += own;
  }
  finish();
  return { ok: true, payloads };
}
