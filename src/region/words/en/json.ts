// Why a text is not JSON that the region reads.

import type { JsonFault } from '../../records/text-json.ts';

/** The fault; it follows the name of the text. */
export function jsonFaultText(fault: JsonFault): string {
  switch (fault.kind) {
    case 'malformed':
      return 'is not valid JSON';
    case 'deep':
      return `nests deeper than ${fault.max} levels`;
    case 'long':
      return `holds more than ${fault.max} values`;
  }
}
