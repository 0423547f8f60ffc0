// The sentences for faults that a schema finds in a value.

import type { SchemaFault } from '../../records/schema-fault.ts';

const UNITS: Readonly<Record<string, string>> = { string: 'characters', array: 'items' };
const FORMATS: Readonly<Record<string, string>> = { ipv4: 'IPv4 address', base64: 'base64-encoded string' };

/** The fault as a whole sentence. */
export function schemaFaultText(fault: SchemaFault): string {
  switch (fault.kind) {
    case 'type':
      return `Invalid input: expected ${fault.expected}, received ${fault.received}`;
    case 'choice':
      return fault.known.length === 1
        ? `Invalid input: expected ${fault.known[0]}`
        : `Invalid option: expected one of ${fault.known.join('|')}`;
    case 'big':
    case 'small': {
      const { kind, of, bound, isInclusive } = fault;
      const limit = `${kind === 'big' ? '<' : '>'}${isInclusive ? '=' : ''}${bound}`;
      const unit = UNITS[of];
      return `Too ${kind}: expected ${of} to ${unit === undefined ? `be ${limit}` : `have ${limit} ${unit}`}`;
    }
    case 'format':
      return `Invalid ${FORMATS[fault.format] ?? fault.format}`;
    case 'other':
      return 'Invalid input';
  }
}
