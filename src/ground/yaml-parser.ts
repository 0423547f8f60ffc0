// The parser of YAML, loaded by the first call: it is a tenth of what the region's thread would
// load, and a quarter of what a command would that reads no configuration.

import { createRequire } from 'node:module';
import type { Document, LineCounter } from 'yaml';

/** The parser; the first call loads it, which takes some 50 ms. */
export const loadYamlParser = (): typeof import('yaml') => createRequire(import.meta.url)('yaml');

/** A fault of a text, in the order of the text. */
interface YamlFault {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

interface ParsedYaml {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** Empty if the text is valid YAML and no map has a key twice. */
  readonly faults: readonly YamlFault[];
}

/** Parses a text with one document, in time proportional to its length. */
export function parseYamlDocument(text: string): ParsedYaml {
  const { LineCounter, parseDocument } = loadYamlParser();
  const lines = new LineCounter();
  // The library's own comparison of keys takes time with the square of their number.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const errors = document.errors.map(({ pos, message }): FaultAt => ({ offset: pos[0], message }));
  const faults = [...errors, ...findRepeatedKeys(document, lines)]
    .sort((left, right) => left.offset - right.offset)
    .map(({ offset, message }) => ({ line: lines.linePos(offset).line, message }));
  return { document, lines, faults };
}

/** The line of a value, or of the nearest existing one above it, from 1; `undefined` if there is none. */
export function findValueLine(
  { document, lines }: Pick<ParsedYaml, 'document' | 'lines'>,
  path: readonly (string | number)[],
): number | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return lines.linePos(Number(node.range[0])).line;
  }
  return undefined;
}

/** A fault at an offset of the text. */
interface FaultAt {
  readonly offset: number;
  readonly message: string;
}

/** The keys that appear before in the same map. */
function findRepeatedKeys(document: Document.Parsed, lines: LineCounter): readonly FaultAt[] {
  const { isScalar, visit } = loadYamlParser();
  const faults: FaultAt[] = [];
  visit(document, {
    Map(_key, { items }) {
      const firstOffsets = new Map<unknown, number>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const offset = key.range?.[0] ?? 0;
        const firstOffset = firstOffsets.get(key.value);
        if (firstOffset === undefined) {
          firstOffsets.set(key.value, offset);
          continue;
        }
        const [firstLine, secondLine] = [firstOffset, offset].map((offset) => lines.linePos(offset).line);
        const message = `the key ${String(key.value)} appears twice, in lines ${firstLine} and ${secondLine}; remove one of them`;
        faults.push({ offset, message });
      }
    },
  });
  return faults;
}
