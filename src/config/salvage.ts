// Removes the invalid values from a configuration, so that contradictions among the others are
// reported in the same run.
//
// 1. A salvaged configuration is only checked, never served.
// 2. A removed value, and every value that contains it, causes no second problem.

import type { z } from 'zod';
import { findNestedValue } from '../ground/fields.ts';

/** The most rounds of removal; each goes one level up from the values that are still invalid. */
const ROUNDS_MAX = 6;

type Path = readonly (string | number)[];

interface Salvaged<Written> {
  readonly written: Written;
  /** True for a path at, above or below a removed value. */
  readonly isTouched: (path: Path) => boolean;
}

/** Removes the values that the schema refuses from `raw`, in place; `undefined` if nothing valid remains. */
export function salvage<Written>(schema: z.ZodType<Written>, raw: unknown): Salvaged<Written> | undefined {
  const removedPaths: Path[] = [];
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const parsed = schema.safeParse(raw);
    if (parsed.success) {
      return {
        written: parsed.data,
        isTouched: (path) =>
          removedPaths.some((removedPath) => startsWith(path, removedPath) || startsWith(removedPath, path)),
      };
    }
    for (const issue of parsed.error.issues) {
      const issuePath = issue.path.filter((part) => typeof part !== 'symbol');
      const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issuePath, key]) : [issuePath];
      for (const path of paths) removeValue(raw, path, removedPaths);
    }
  }
  return undefined;
}

/**
 * Removes the value at `path`. If it is missing or an element of a list, removes its nearest
 * ancestor that is a key of an object.
 */
function removeValue(raw: unknown, path: Path, removedPaths: Path[]): void {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = findNestedValue(raw, path.slice(0, depth - 1));
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
    removedPaths.push(path.slice(0, depth));
    return;
  }
}

const startsWith = (path: Path, start: Path): boolean => start.every((part, index) => path[index] === part);
