// Recognises the ASCII armor around keys and signatures, and splits it into its blocks: a file may have several.
//
// Source: RFC 9580 §6.2.

const BEGIN = '-----BEGIN PGP ';
const END = '-----END PGP ';

/** True if the bytes contain the beginning of an armored block. */
export const isArmored = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(BEGIN);

/**
 * The blocks of a kind, each with its BEGIN and END lines.
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
