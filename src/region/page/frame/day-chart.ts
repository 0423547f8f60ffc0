// A value over the last day as SVG: a line on a filled ground, from a day ago at the left edge to
// now at the right one. Pure.
//
// 1. An unknown value is a gap. Without a known value there is no chart.
// 2. The height is the largest value, or what the caller says is full. Colours are classes of `page.css`.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { type Point, SAMPLE_MS, SAMPLES_MAX } from '../../records/rack-measures.ts';
import { words } from './words.ts';

const DAY_MS = SAMPLES_MAX * SAMPLE_MS;
/** In units of the picture. */
const WIDTH = 288;
const HEIGHT = 56;

interface Options {
  readonly label: string;
  readonly points: readonly Point[];
  readonly nowMs: number;
  /** A value with its unit. */
  readonly format: (value: number) => string;
  /** The value at the upper edge. Default: the largest one. */
  readonly full?: number | undefined;
}

type MeasuredPoint = Point & { readonly value: number };
const isMeasured = (point: Point): point is MeasuredPoint => point.value !== undefined;

/** Neighbouring known values, each list without a gap. */
function pieces(points: readonly Point[]): readonly (readonly MeasuredPoint[])[] {
  const segments: MeasuredPoint[][] = [];
  let isOpen = false;
  for (const point of points) {
    if (isMeasured(point)) {
      if (isOpen) segments.at(-1)?.push(point);
      else segments.push([point]);
    }
    isOpen = isMeasured(point);
  }
  return segments;
}

const round = (value: number) => Math.round(value * 10) / 10;

/** @returns empty without a known value in the last day */
export function renderDayChart({ label, points, nowMs, format, full }: Options): Html {
  const since = nowMs - DAY_MS;
  const recent = points.filter(({ atMs }) => atMs >= since && atMs <= nowMs);
  const measured = recent.filter(isMeasured);
  const last = measured.at(-1);
  if (last === undefined) return nothing;
  const largest = Math.max(...measured.map(({ value }) => value));
  const top = Math.max(full ?? largest, largest, Number.MIN_VALUE);
  const at = ({ atMs, value }: MeasuredPoint) =>
    `${round(((atMs - since) / DAY_MS) * WIDTH)} ${round(HEIGHT - (value / top) * (HEIGHT - 2) - 1)}`;
  const lines = pieces(recent).map((piece) => piece.map(at));
  const line = lines.map((piece) => `M${piece.join('L')}${piece.length === 1 ? 'h0' : ''}`).join('');
  const area = pieces(recent)
    .map((piece, index) => {
      const [first = last, end = first] = [piece[0], piece.at(-1)];
      const edge = (point: MeasuredPoint) => `${at(point).split(' ')[0] ?? ''} ${HEIGHT}`;
      return `M${edge(first)}L${(lines[index] ?? []).join('L')}L${edge(end)}Z`;
    })
    .join('');
  const text = words.charts.summary(format(last.value), format(largest));
  return html`
    <figure class="chart"><figcaption><b>${label}</b> <span class="small">${text}</span></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${words.charts.label(label, text)}"><path class="area" d="${area}"/><path class="line" d="${line}"/></svg>
    <div class="scale small"><span>${words.charts.dayAgo}</span><span>${words.charts.now}</span></div></figure>`;
}
