// Why a text is no JSON that the region reads.

/** A fault of a JSON text: it is malformed, nests too deeply, or has too many values. */
export type JsonFault = { readonly kind: 'malformed' } | { readonly kind: 'deep' | 'long'; readonly max: number };

/** The fault, to put after what the text is. */
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
