// What remains of a configuration file when the values that are wrong by themselves are left out: enough to look for what the others
// contradict, so that a person is told everything in one go.
//
// 1. What is salvaged is looked at, never served.
// 2. Nothing is said of a value that was left out, nor of what it belongs to: it has its own problem already.

import { type WrittenConfig, writtenConfigSchema } from './written.ts';

/** Rounds of leaving out; each goes one step further up from what still does not fit. */
const ROUNDS_MAX = 6;

type Path = readonly (string | number)[];

export interface Salvaged {
  readonly written: WrittenConfig;
  /** True for a path at, above or below something that was left out. */
  readonly isTouched: (path: Path) => boolean;
}

/** Leaves out of `raw` (which is changed) what the schema refuses; undefined when nothing sensible remains. */
export function salvage(raw: unknown): Salvaged | undefined {
  const left: Path[] = [];
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const parsed = writtenConfigSchema.safeParse(raw);
    if (parsed.success) {
      return {
        written: parsed.data,
        isTouched: (path) => left.some((other) => startsWith(path, other) || startsWith(other, path)),
      };
    }
    for (const issue of parsed.error.issues) {
      const at = issue.path.filter((part) => typeof part !== 'symbol');
      const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...at, key]) : [at];
      for (const path of paths) leaveOut(raw, path, left);
    }
  }
  return undefined;
}

/** Removes the value at `path`; where there is none, or it is an element of a list, the next thing above it that is a value of its own. */
function leaveOut(raw: unknown, path: Path, left: Path[]): void {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = valueAt(raw, path.slice(0, depth - 1));
    const key = path[depth - 1];
    if (
      typeof parent !== 'object' ||
      parent === null ||
      Array.isArray(parent) ||
      key === undefined ||
      !Object.hasOwn(parent, key)
    )
      continue;
    Reflect.deleteProperty(parent, key);
    left.push(path.slice(0, depth));
    return;
  }
}

function valueAt(raw: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    raw,
  );
}

const startsWith = (path: Path, start: Path): boolean => start.every((part, index) => path[index] === part);
