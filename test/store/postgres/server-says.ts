// The messages of a PostgreSQL server, for tests (postgresql.org/docs/15/protocol-message-formats.html).

export const message = (type: string, ...parts: readonly (string | Buffer)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from(type), number(4, 4 + content.length), content]);
};

/** @param value negative: as the protocol writes it, in two's complement */
export function number(bytes: number, value: number): Buffer {
  const made = Buffer.alloc(bytes);
  made.writeUIntBE(value < 0 ? value + 256 ** bytes : value, 0, bytes);
  return made;
}

export const row = (...values: readonly (string | undefined)[]): Buffer =>
  message(
    'D',
    number(2, values.length),
    ...values.flatMap((value) => (value === undefined ? [number(4, -1)] : [number(4, value.length), value])),
  );

/** The description of a column. @param type its number in pg_type @param format 0: text */
export const column = (name: string, type = 25, format = 0): Buffer =>
  Buffer.concat([Buffer.from(`${name}\0`), Buffer.alloc(6), number(4, type), Buffer.alloc(6), number(2, format)]);

export const columns = (...names: readonly string[]): Buffer =>
  message('T', number(2, names.length), ...names.map((name) => column(name)));

/** The end of a statement. */
export const did = (tag: string): Buffer => message('C', `${tag}\0`);

/** The fields of an error or a notice. */
export const fields = (severity: string): string => `S${severity}\0V${severity}\0C40001\0Mnot now\0\0`;
