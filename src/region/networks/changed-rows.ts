// The difference between two states of the rows of networks. Pure.

import { NETWORK_KINDS, type NetworkChange, type NetworkKind, type NetworkRecords } from '../records/network-store.ts';

export interface ChangedRows {
  readonly put: NonNullable<NetworkChange<unknown>['put']>;
  readonly remove: NonNullable<NetworkChange<unknown>['remove']>;
}

/** The change between two states of records. */
export function rowsBetween(before: NetworkRecords, after: NetworkRecords): ChangedRows {
  const kinds = NETWORK_KINDS.filter((kind) => before[kind] !== after[kind]);
  const entriesOf = <T>(of: (kind: NetworkKind) => T) => Object.fromEntries(kinds.map((kind) => [kind, of(kind)]));
  return {
    put: entriesOf((kind) => notIn<object>(before[kind], after[kind])),
    remove: entriesOf((kind) => goneFrom<{ readonly id: number }>(before[kind], after[kind])),
  };
}

/** The objects that are new or changed. */
function notIn<T>(before: readonly T[], after: readonly T[]): readonly T[] {
  const former = new Set(before);
  return after.filter((row) => !former.has(row));
}

/** The ids of those that are left. */
function goneFrom<T extends { readonly id: number }>(before: readonly T[], after: readonly T[]): readonly number[] {
  const left = new Set(after.map(({ id }) => id));
  return before.flatMap(({ id }) => (left.has(id) ? [] : [id]));
}

/** The records after a change. */
export function withRows(records: NetworkRecords, { put = {}, remove = {} }: Partial<ChangedRows>): NetworkRecords {
  let after = records;
  for (const kind of NETWORK_KINDS) {
    const [added, gone] = [put[kind] ?? [], remove[kind] ?? []];
    if (added.length + gone.length === 0) continue;
    const rows = new Map(records[kind].map((row: { readonly id: number }) => [row.id, row]));
    for (const id of gone) rows.delete(id);
    for (const row of added) rows.set(row.id, row);
    after = { ...after, [kind]: [...rows.values()].toSorted((a, b) => a.id - b.id) };
  }
  return after;
}
