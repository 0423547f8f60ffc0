// A demand of an RFC of DHCP, and how this server stands to it.

/** A test: its file, from the root of the tree, and its name as it is written there. */
export interface Proof {
  readonly file: string;
  readonly name: string;
}

/** How this server stands to a demand. */
export type Verdict =
  | { readonly kind: 'met'; readonly tests: readonly Proof[] }
  | { readonly kind: 'departs'; readonly because: string; readonly tests: readonly Proof[] }
  | { readonly kind: 'not-ours'; readonly because: string };

/** One demand. */
export interface Must {
  readonly rfc: number;
  /** As the RFC numbers it, without the sign. */
  readonly section: string;
  readonly level: 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT';
  readonly demand: string;
  readonly verdict: Verdict;
}
