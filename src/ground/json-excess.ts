// Reads a JSON text from outside within bounds, which are counted before it is parsed: 25 MB of `[`
// take 1.4 GB to parse, and the many keys of one object exhaust a thread's heap so that its process
// ends.

/** Bounds of one JSON text. */
export interface JsonBounds {
  /** Objects and lists within each other. */
  readonly depthMax: number;
  /** Members of objects and elements of lists, at every depth. */
  readonly valuesMax: number;
  /** Members of one object, or elements of one list; default `valuesMax`. */
  readonly membersMax?: number;
}

/** The bound that a text exceeds: it nests too deeply, or has too many values. */
type JsonExcess = { readonly kind: 'deep' | 'long'; readonly max: number };

type JsonFault = { readonly kind: 'malformed' } | JsonExcess;

export type BoundedJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly fault: JsonFault };

/** Never throws. */
export function readBoundedJson(text: string, bounds: JsonBounds): BoundedJson {
  const excess = findJsonExcess(text, bounds);
  if (excess !== undefined) return { kind: 'fault', fault: excess };
  try {
    return { kind: 'value', value: JSON.parse(text) };
  } catch {
    return { kind: 'fault', fault: { kind: 'malformed' } };
  }
}

/** The words for a fault, to follow the name of the text. */
export function composeJsonFaultText(fault: JsonFault): string {
  switch (fault.kind) {
    case 'malformed':
      return 'is not valid JSON';
    case 'deep':
      return `nests deeper than ${fault.max} levels`;
    case 'long':
      return `holds more than ${fault.max} values`;
  }
}

/**
 * Counts brackets and commas outside strings. For valid JSON that gives the exact depth, and at
 * least the number of values: an empty list counts as one value.
 */
export function findJsonExcess(text: string, bounds: JsonBounds): JsonExcess | undefined {
  const { depthMax, valuesMax, membersMax = valuesMax } = bounds;
  /** By depth: the members so far of the object or list that is open there. */
  const members = new Uint32Array(depthMax + 1);
  let depth = 0;
  let values = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = findStringEnd(text, index);
    else if (code === BRACKET_CLOSED || code === BRACE_CLOSED) depth = Math.max(0, depth - 1);
    else if (code === BRACKET || code === BRACE || code === COMMA) {
      if (code !== COMMA) {
        depth += 1;
        if (depth > depthMax) return { kind: 'deep', max: depthMax };
        members[depth] = 0;
      }
      values += 1;
      if (values > valuesMax) return { kind: 'long', max: valuesMax };
      const count = (members[depth] ?? 0) + 1;
      if (count > membersMax) return { kind: 'long', max: membersMax };
      members[depth] = count;
    }
  }
  return undefined;
}

/** The index of the quote that ends a string. */
function findStringEnd(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text.charCodeAt(index) !== QUOTE) index += text.charCodeAt(index) === BACKSLASH ? 2 : 1;
  return index;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_CLOSED = 0x5d;
const BRACE = 0x7b;
const BRACE_CLOSED = 0x7d;
