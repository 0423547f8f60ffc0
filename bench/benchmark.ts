// The interface of a benchmark.

import type { Result } from './figure.ts';

/** One benchmark of `npm run bench`. */
export interface Benchmark {
  /** Its name on the command line. */
  readonly what: string;
  /** Notes that a reader needs to interpret the figures. */
  readonly notes: readonly string[];
  /** Its further arguments; one that ends in `=` takes a value. */
  readonly options?: readonly string[];
  /** The results for docs/performance.md, in Markdown; printed below the table. */
  digest?(results: readonly Result[]): string;
  /** Measures everything in interleaved rounds. @throws Error if a requirement is missing, or an answer is wrong */
  run(options: ReadonlySet<string>): Promise<readonly Result[]>;
}
