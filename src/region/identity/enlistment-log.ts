// Limits the events of a host that reports a machine again and again. They would displace other
// machines' events from the log.
//
// 1. A machine's first reports are logged, then one a minute, with the number of reports that it represents.
// 2. Changes to other machines, to power settings or to interfaces are always logged.

import { formatMac } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { EventSampler, type Sample } from '../../ground/rate-limit.ts';
import type { EnlistmentDecision } from '../records/decisions.ts';
import type { EnlistmentQuestion } from '../records/knowledge.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { EnlistmentRefusal } from './enlistment.ts';
import type { EnlistmentReport } from './enlistment-report.ts';

/**
 * The rate of logged reports of one machine. The burst covers the few boots that a person needs to
 * examine a fault.
 */
export const REPORT_RATE = { perSecond: 1 / 60, burst: 6 } as const;
/**
 * Bound on the machines whose reports are counted. Hosts add entries by reporting machines. At the
 * bound, the machine counted first is forgotten and gets its full burst again; other machines are
 * not affected.
 */
export const COUNTED_MAX = 1024;

/**
 * The event of a refused anonymous report. It belongs to the log of unknown machines, which has its
 * own bound.
 */
export function refusedEvent(
  { macs }: Pick<EnlistmentReport, 'macs'>,
  { name: _, text: __, ...why }: EnlistmentRefusal,
  atMs: number,
): NewMachineEvent {
  const [mac] = macs;
  const params = { ...(mac === undefined ? {} : { mac: formatMac(mac) }), why };
  return { type: 'NODE_ENLISTMENT_REFUSED', code: 'enlistment-refused', params, atMs, username: '' };
}

export class EnlistmentLog {
  readonly #sampler = new EventSampler(REPORT_RATE, COUNTED_MAX);

  /**
   * Removes events beyond the rate from the decision on one report. A decision that is made again
   * counts once.
   */
  thinning(now: Instant): <R>(decision: EnlistmentDecision<R> | EnlistmentQuestion) => typeof decision {
    const samples = new Map<string, Sample | undefined>();
    const sampleOf = (key: string) => {
      if (!samples.has(key)) samples.set(key, this.#sampler.take(key, now));
      return samples.get(key);
    };
    return (decision) => {
      if (decision.kind !== 'amend' && decision.kind !== 'unchanged') return decision;
      const { systemId } = decision;
      const events = decision.events.flatMap((event) => thinned(event, () => sampleOf(`${event.code} ${systemId}`)));
      return { ...decision, events };
    };
  }
}

function thinned(event: NewMachineEvent, sampleOf: () => Sample | undefined): readonly NewMachineEvent[] {
  if (event.code !== 'report-ignored' && event.code !== 'hardware-reported') return [event];
  const sample = sampleOf();
  if (sample === undefined) return [];
  const { count: times } = sample;
  if (event.code === 'report-ignored') return [{ ...event, params: { ...event.params, times } }];
  return [{ ...event, params: { ...event.params, times } }];
}
