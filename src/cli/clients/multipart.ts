// Parameters as a body of `multipart/form-data`, each part in Base64: the form in which MAAS's command line sends them. Pure.
//
// Sources: RFC 7578 §4.2 and §4.4; RFC 2046 §5.1.1 (a boundary); RFC 2045 §6.8 (76 characters a line).

/** A parameter: its name, and its value or the bytes of a file. */
export interface Part {
  readonly name: string;
  readonly value: string | Uint8Array;
}

const LINE_END = '\r\n';
const LINE_CHARACTERS = 76;

/** @param boundary any text: it cannot occur in a part, because no line of Base64 begins with `--` */
export function encodeMultipart(parts: readonly Part[], boundary: string): Buffer {
  const pieces = parts.flatMap(({ name, value }) => {
    const isFile = typeof value !== 'string';
    const bytes = isFile ? Buffer.from(value) : Buffer.from(value, 'utf8');
    const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [''];
    const quoted = quoteName(name);
    return [
      `--${boundary}`,
      `Content-Disposition: form-data; name="${quoted}"${isFile ? `; filename="${quoted}"` : ''}`,
      `Content-Type: ${isFile ? 'application/octet-stream' : 'text/plain; charset="utf-8"'}`,
      'Content-Transfer-Encoding: base64',
      '',
      ...lines,
    ];
  });
  return Buffer.from([...pieces, `--${boundary}--`, ''].join(LINE_END));
}

/** HTML Living Standard, "multipart/form-data encoding algorithm". */
const quoteName = (name: string): string => name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
