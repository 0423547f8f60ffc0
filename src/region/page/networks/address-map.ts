// The picture of a subnet's addresses as SVG: who has which, what the ranges are for, and what is free. Pure.
//
//   uses (ranges, leases, machines, routers …) ─ buildAddressRuns ─► disjoint runs of addresses ─ renderAddressMap ─► squares in rows
//
// 1. Of the uses of an address the strongest is shown: the later one in ADDRESS_KINDS.
// 2. At most CELLS_MAX squares. In a network with more addresses a square stands for several: its
//    ground is what most of them are for, and it is filled as far as they are taken.
// 3. Neighbouring squares of one run are one rectangle, so an empty network costs a few hundred
//    bytes. Colours are classes of `page.css`.

import {
  computeBroadcastAddress,
  formatIpv4,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  ipv4,
  rangeSize,
} from '../../../ground/address.ts';
import { type Html, html, nothing } from '../../../ground/html.ts';
import { words } from '../frame/words.ts';

/** From the weakest to the strongest. A `range` kind says what addresses are for, the others who has one. */
const ADDRESS_KINDS = [
  'free',
  'edge',
  'dynamic',
  'static',
  'reserved',
  'heard',
  'leased',
  'declined',
  'held',
  'assigned',
  'router',
  'rack',
] as const;
export type AddressKind = (typeof ADDRESS_KINDS)[number];

const RANGE_KINDS: ReadonlySet<AddressKind> = new Set(['free', 'edge', 'dynamic', 'static', 'reserved']);

export interface AddressUse extends Ipv4Range {
  readonly kind: AddressKind;
  /** A machine, a host or a user; empty: nobody. */
  readonly owner: string;
}

/** The parts of a network, disjoint and in order. Each has the strongest of its uses. */
export function buildAddressRuns(network: Ipv4Network, uses: readonly AddressUse[]): readonly AddressUse[] {
  const last = computeBroadcastAddress(network);
  const edges: readonly Ipv4[] = network.prefix >= 31 ? [] : [network.address, last];
  const whole: readonly AddressUse[] = [
    { low: network.address, high: last, kind: 'free', owner: '' },
    ...edges.map((edge) => ({ low: edge, high: edge, kind: 'edge', owner: '' }) as const),
  ];
  const steps = [...whole, ...uses]
    .flatMap((use) => {
      const [low, high] = [Math.max(use.low, network.address), Math.min(use.high, last)];
      if (low > high) return [];
      return [
        { at: low, use, isStart: true },
        { at: high + 1, use, isStart: false },
      ];
    })
    .sort((a, b) => a.at - b.at);
  const open = ADDRESS_KINDS.map(() => new Set<AddressUse>());
  const runs: AddressUse[] = [];
  for (const [index, { at, use, isStart }] of steps.entries()) {
    const ofKind = open[ADDRESS_KINDS.indexOf(use.kind)];
    if (isStart) ofKind?.add(use);
    else ofKind?.delete(use);
    const next = steps[index + 1]?.at;
    if (next === undefined || next === at) continue;
    const strongest = open
      .findLast(({ size }) => size > 0)
      ?.values()
      .next().value;
    if (strongest !== undefined) runs.push({ ...strongest, low: ipv4(at), high: ipv4(next - 1) });
  }
  return runs;
}

/**
 * How many addresses of each kind there are, in the order of ADDRESS_KINDS; a kind without
 * addresses is left out.
 */
export function countKinds(runs: readonly AddressUse[]): ReadonlyMap<AddressKind, number> {
  const counts = new Map<AddressKind, number>();
  for (const kind of ADDRESS_KINDS) {
    const count = runs.reduce((sum, run) => (run.kind === kind ? sum + rangeSize(run) : sum), 0);
    if (count > 0) counts.set(kind, count);
  }
  return counts;
}

const CELLS_MAX = 256;
const COLUMNS = 32;
/** In units of the picture: the side of a square, and the place for the names of the rows. */
const SIDE = 10;
const GUTTER = 34;
/** The owners that the title of a square names, if it stands for several addresses. */
const OWNERS_MAX = 3;

interface Cell extends Ipv4Range {
  readonly parts: readonly AddressUse[];
}

function buildCells(network: Ipv4Network, runs: readonly AddressUse[]): readonly Cell[] {
  const size = 2 ** (32 - network.prefix);
  const each = Math.max(1, size / CELLS_MAX);
  const cells: Cell[] = [];
  let first = 0;
  for (let low = 0; low < size; low += each) {
    const cell = { low: ipv4(network.address + low), high: ipv4(network.address + low + each - 1) };
    const parts: AddressUse[] = [];
    for (let index = first; index < runs.length; index += 1) {
      const run = runs[index];
      if (run === undefined || run.low > cell.high) break;
      parts.push({
        ...run,
        low: run.low < cell.low ? cell.low : run.low,
        high: run.high > cell.high ? cell.high : run.high,
      });
      first = run.high > cell.high ? index : index + 1;
    }
    cells.push({ ...cell, parts });
  }
  return cells;
}

/** The squares of a row that one rectangle can show, because they belong to one run. */
function joinCells(cells: readonly Cell[]): readonly Cell[] {
  const joined: Cell[] = [];
  for (const [index, cell] of cells.entries()) {
    const before = joined.at(-1);
    const [one, ...more] = cell.parts;
    const [other, ...others] = before?.parts ?? [];
    const isSame = one !== undefined && other !== undefined && one.kind === other.kind && one.owner === other.owner;
    const isWhole = more.length === 0 && others.length === 0 && RANGE_KINDS.has(cell.parts[0]?.kind ?? 'free');
    if (before === undefined || !isSame || !isWhole || index % COLUMNS === 0) joined.push(cell);
    else joined[joined.length - 1] = { low: before.low, high: cell.high, parts: [{ ...other, high: one.high }] };
  }
  return joined;
}

const formatRange = ({ low, high }: Ipv4Range): string => words.addressMap.span(formatIpv4(low), formatIpv4(high));

function formatCellTitle(cell: Cell): string {
  const { kinds } = words.addressMap;
  const counts = countKinds(cell.parts);
  const [use] = cell.parts;
  if (counts.size === 1 && cell.parts.length === 1 && use !== undefined)
    return words.addressMap.of(formatRange(cell), kinds[use.kind], use.owner);
  const counted = [...counts].map(([kind, count]) => words.addressMap.counted(count, kinds[kind]));
  const owned = cell.parts.filter(({ kind, owner }) => !RANGE_KINDS.has(kind) && owner !== '');
  const names = owned.slice(0, OWNERS_MAX).map(({ low, owner }) => `${formatIpv4(low)} ${owner}`);
  return [words.addressMap.of(formatRange(cell), counted.join(', '), ''), ...names].join('\n');
}

/** The kind of most of the addresses. */
const findCommonestUse = (parts: readonly AddressUse[]): AddressKind | undefined =>
  [...countKinds(parts)].reduce<readonly [AddressKind, number] | undefined>(
    (most, kind) => (most === undefined || kind[1] >= most[1] ? kind : most),
    undefined,
  )?.[0];

function drawCell(network: Ipv4Network, cell: Cell, each: number): Html {
  const from = (cell.low - network.address) / each;
  const width = (rangeSize(cell) / each) * SIDE;
  const [x, y] = [GUTTER + (from % COLUMNS) * SIDE, Math.floor(from / COLUMNS) * SIDE];
  const taken = cell.parts.filter(({ kind }) => !RANGE_KINDS.has(kind));
  const ground = findCommonestUse(cell.parts.filter(({ kind }) => RANGE_KINDS.has(kind)));
  const share = taken.reduce((sum, part) => sum + rangeSize(part), 0) / rangeSize(cell);
  const height = share === 0 ? 0 : Math.max(1, Math.round(share * SIDE));
  const [below, above] = [
    ground === undefined || height === SIDE
      ? nothing
      : html`<rect class="${ground}" x="${x}" y="${y}" width="${width}" height="${SIDE}"/>`,
    height === 0
      ? nothing
      : html`<rect class="${findCommonestUse(taken) ?? ''}" x="${x}" y="${y + SIDE - height}" width="${width}" height="${height}"/>`,
  ];
  return html`<g><title>${formatCellTitle(cell)}</title>${below}${above}</g>`;
}

/** The names of the rows: `.32` in a small network, `.4.0` in a large one. */
function drawRow(network: Ipv4Network, each: number, row: number): Html {
  const octets = formatIpv4(ipv4(network.address + row * COLUMNS * each)).split('.');
  const name = octets.slice(network.prefix >= 24 ? 3 : network.prefix >= 16 ? 2 : 1).join('.');
  return html`<text x="${GUTTER - 4}" y="${row * SIDE + 8}">.${name}</text>`;
}

/** @param runs of `buildAddressRuns` */
export function renderAddressMap(network: Ipv4Network, runs: readonly AddressUse[]): Html {
  const size = 2 ** (32 - network.prefix);
  const each = Math.max(1, size / CELLS_MAX);
  const columns = Math.min(COLUMNS, size / each);
  const rows = Math.ceil(size / each / COLUMNS);
  const [width, height] = [GUTTER + COLUMNS * SIDE, rows * SIDE];
  const lines = [
    ...Array.from({ length: columns + 1 }, (_, column) => `M${GUTTER + column * SIDE} 0V${height}`),
    ...Array.from({ length: rows + 1 }, (_, row) => `M${GUTTER} ${row * SIDE}H${GUTTER + columns * SIDE}`),
  ].join('');
  const cells = joinCells(buildCells(network, runs)).map((cell) => drawCell(network, cell, each));
  const names = Array.from({ length: rows }, (_, row) => drawRow(network, each, row));
  const counts = [...countKinds(runs)];
  const summary = counts
    .map(([kind, count]) => words.addressMap.counted(count, words.addressMap.kinds[kind]))
    .join(', ');
  const legend = counts.map(
    ([kind, count]) => html`<li><i class="${kind}"></i>${words.addressMap.kinds[kind]} <b>${count}</b></li>`,
  );
  const scale = each === 1 ? nothing : html`<li class="soft">${words.addressMap.scale(each)}</li>`;
  return html`
    <div class="address-map"><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${words.addressMap.label(summary)}">
    ${names}${cells}<path class="grid" d="${lines}"/></svg><ul class="legend">${legend}${scale}</ul></div>`;
}
