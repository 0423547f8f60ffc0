// `rackboot outbox`: the events that wait on this rack for its remote region, and those that the
// region refused.

import { z } from 'zod';
import { RackError } from '../../ground/errors.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { print, printTable } from '../terminal/output.ts';

interface OutboxArguments extends Where {
  /** Show the dead letters. */
  readonly dead: boolean;
  readonly retry?: number | undefined;
  readonly drop?: number | undefined;
}

const item = z.union([
  z.object({
    kind: z.literal('report'),
    report: z.object({ kind: z.string(), at: z.number(), mac: z.string().optional(), text: z.string() }),
  }),
  z.object({ kind: z.literal('post'), post: z.object({ at: z.number(), peer: z.string(), path: z.string() }) }),
]);
const outboxShape = z.object({
  waiting: z.number(),
  dropped: z.record(z.string(), z.number()),
  deadLetters: z.array(z.object({ id: z.number(), atMs: z.number(), reason: z.string(), item })),
});
type Outbox = z.infer<typeof outboxShape>;

/** Shows the outbox, or handles one dead letter. @returns 0 @throws RackError `not-found`, `bad-argument` */
export async function runOutbox({ dead, retry, drop, ...where }: OutboxArguments): Promise<number> {
  if (retry !== undefined && drop !== undefined) throw new RackError('bad-argument', 'use --retry or --drop, not both');
  const change = retry !== undefined ? `retry=${number(retry)}` : drop !== undefined ? `drop=${number(drop)}` : '';
  const raw = await (change === '' ? askRegion(where, '/outbox') : askRegion(where, `/outbox?${change}`, 'POST'));
  return printAnswer(where, raw, () => showOutbox(outboxShape.parse(raw), dead || change !== ''));
}

function number(given: number): number {
  if (Number.isSafeInteger(given) && given > 0) return given;
  throw new RackError('bad-argument', 'name a dead letter by its number: rackboot outbox --dead lists them');
}

function showOutbox({ waiting, dropped, deadLetters }: Outbox, withLetters: boolean): void {
  if (!withLetters) {
    print(`Events waiting for the region: ${waiting}. Refused for good: ${deadLetters.length} (--dead shows them).`);
    printTable(
      ['DROPPED', 'COUNT'],
      Object.entries(dropped).map(([kind, count]) => [kind, String(count)]),
      'Nothing has been dropped.',
    );
    return;
  }
  printTable(
    ['ID', 'REFUSED', 'WHAT', 'OF', 'REASON'],
    deadLetters.map(({ id, atMs, reason, item: refused }) => [
      String(id),
      new Date(atMs).toISOString(),
      refused.kind === 'post' ? refused.post.path : refused.report.kind,
      refused.kind === 'post' ? refused.post.peer : (refused.report.mac ?? ''),
      reason,
    ]),
    'There are no dead letters.',
  );
}
