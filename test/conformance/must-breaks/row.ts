// How a demand is broken once: the pieces of the product that are written otherwise.

/** One piece of `src`. */
export interface Replacement {
  /** Below `src`. */
  readonly file: string;
  /** As it stands there, once. */
  readonly from: string;
  readonly to: string;
}

/** A row of the table of demands, and its break; if the row departs from the demand, the break undoes the departure. */
export interface BrokenMust {
  readonly rfc: number;
  readonly section: string;
  /** As the row puts it. */
  readonly demand: string;
  readonly breaks: readonly Replacement[];
}

/** A piece of `src/dhcp`. */
export const swap = (file: string, from: string, to: string): Replacement => ({ file: `dhcp/${file}`, from, to });

/** Rows of one RFC. */
export const brokenIn =
  (rfc: number) =>
  (section: string, demand: string, ...breaks: readonly Replacement[]): BrokenMust => ({
    rfc,
    section,
    demand,
    breaks,
  });
