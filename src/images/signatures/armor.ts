// The ASCII armor around keys and signatures: recognised, and cut into its blocks, because a file may have several.
//
// Source: RFC 9580 §6.2.

const BEGIN = '-----BEGIN PGP ';
const END = '-----END PGP ';

/** True for bytes in armor, and for the beginning of text that has some. */
export const isArmored = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(BEGIN);

/**
 * The blocks of a kind, each with its head and its end.
 * @param kind `PUBLIC KEY BLOCK` or `SIGNATURE`
 */
export function* armoredBlocks(text: string, kind: string): Generator<string> {
  const [begin, end] = [`${BEGIN}${kind}-----`, `${END}${kind}-----`];
  for (let at = 0; ; ) {
    const from = text.indexOf(begin, at);
    const to = from === -1 ? -1 : text.indexOf(end, from);
    if (to === -1) return;
    at = to + end.length;
    yield `${text.slice(from, at)}\n`;
  }
}
