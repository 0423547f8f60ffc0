// The functions that a thread spent its time in, from V8's samples (Chrome DevTools Protocol, domain Profiler, type Profile).

import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The part of a profile that is used. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds from the previous sample to each. */
  readonly timeDeltas: readonly number[];
}

/** A function and its share of the thread's busy time, 0 to 1. */
interface SelfTime {
  readonly name: string;
  readonly share: number;
}

/** Idle time of the thread. */
const IDLE = '(idle)';

/** The functions with the most self time, in descending order. */
export function selfTimes(profile: CpuProfile, root: string, count: number): readonly SelfTime[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame, root)]));
  const spent = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const name = names.get(id) ?? '(unknown)';
    // A sample represents the time until the next one.
    spent.set(name, (spent.get(name) ?? 0) + (profile.timeDeltas[index + 1] ?? 0));
  });
  spent.delete(IDLE);
  const busy = [...spent.values()].reduce((sum, time) => sum + time, 0);
  return [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => ({ name, share: time / busy }));
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame'], root: string): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  return `${name} ${file}:${lineNumber + 1}`;
}
