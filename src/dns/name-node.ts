// One name's records, grouped by type.
//
// 1. A node is immutable: a change replaces it.

import type { DnsRecord } from './record.ts';

interface RecordSet {
  readonly type: number;
  readonly records: readonly DnsRecord[];
}

export interface NameNode {
  readonly name: string;
  /** True if the operator or the region named it; it is answered even outside our zones. */
  readonly intended: boolean;
  readonly sets: readonly RecordSet[];
}

export function findSet(node: NameNode | undefined, type: number): RecordSet | undefined {
  return node?.sets.find((set) => set.type === type);
}

/** Types in order of first appearance. */
export function makeNode(name: string, intended: boolean, records: readonly DnsRecord[]): NameNode {
  const [first] = records;
  if (first !== undefined && records.length === 1) return { name, intended, sets: [{ type: first.type, records }] };
  const sets = new Map<number, DnsRecord[]>();
  for (const record of records) {
    const set = sets.get(record.type);
    if (set === undefined) sets.set(record.type, [record]);
    else set.push(record);
  }
  return { name, intended, sets: [...sets].map(([type, members]) => ({ type, records: members })) };
}

export function renameNode(node: NameNode, name: string): NameNode {
  const sets = node.sets.map(({ type, records }) => ({
    type,
    records: records.map((record) => ({ ...record, name })),
  }));
  return { ...node, name, sets };
}

/** True if two nodes of one name have the same records. */
export function sameNode(a: NameNode, b: NameNode): boolean {
  return (
    a.intended === b.intended &&
    a.sets.length === b.sets.length &&
    a.sets.every((set, index) => sameSet(set, b.sets[index]))
  );
}

function sameSet(a: RecordSet, b: RecordSet | undefined): boolean {
  if (b === undefined || a.type !== b.type || a.records.length !== b.records.length) return false;
  return a.records.every((record, index) => {
    const other = b.records[index];
    return other !== undefined && record.ttl === other.ttl && Buffer.compare(record.rdata, other.rdata) === 0;
  });
}
