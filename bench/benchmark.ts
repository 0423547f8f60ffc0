// What a benchmark is.

import type { Result } from './figure.ts';

/** One benchmark of `npm run bench`. */
export interface Benchmark {
  /** Its name on the command line. */
  readonly what: string;
  /** What a reader must know to read the figures rightly. */
  readonly notes: readonly string[];
  /** Words that it understands beside its name; one that ends in `=` takes a value. */
  readonly options?: readonly string[];
  /** What docs/performance.md shows of the results, in Markdown; printed below the table. */
  digest?(results: readonly Result[]): string;
  /** Measures everything, in interleaved rounds. @throws Error when something needed is missing, or an answer was wrong. */
  run(options: ReadonlySet<string>): Promise<readonly Result[]>;
}
