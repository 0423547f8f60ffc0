// UDP payloads written as hexadecimal digits, as the fixtures are: lines that begin with `#` are comments, an empty line ends a payload.

/** The most payloads of one file. */
export const PAYLOADS_MAX = 65_536;

export interface HexPayload {
  /** The comments before it, without their `#`. */
  readonly comment: string;
  readonly bytes: Uint8Array;
}

/** The payloads, or the number of the line, from 1, that is not hexadecimal. */
export type HexFile =
  | { readonly ok: true; readonly payloads: readonly HexPayload[] }
  | { readonly ok: false; readonly line: number };

/** Reads such a text. Offsets before the digits, as `xxd` and `hexdump -C` write them, are not understood. */
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
