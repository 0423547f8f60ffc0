// Thins out what a host writes into the event log by reporting a machine again and again: it would push out what happened to others.
//
// 1. Of one machine the first reports are told, then one a minute, which says how many it stands for.
// 2. What the report changed of other machines, of its power or of its interfaces is always told.

import type { Instant } from '../../clock.ts';
import { counted } from '../../counted.ts';
import { formatMac } from '../../net/address.ts';
import { EventSampler } from '../../rate-limit.ts';
import type { MachineEventType, NewMachineEvent } from '../records/machine-event.ts';
import type { EnlistmentDecision } from '../records/store.ts';
import type { EnlistmentReport } from './enlistment-report.ts';

/** Of one machine: it boots a few times while somebody looks for what is wrong with it. */
export const REPORT_RATE = { perSecond: 1 / 60, burst: 6 } as const;
/**
 * Machines whose reports are counted. Whoever reports machines fills it, and nobody notices: the one that was first counted is
 * forgotten, which gives it its burst anew.
 */
export const COUNTED_MAX = 1024;

const THINNED: ReadonlySet<MachineEventType> = new Set(['NODE_ENLISTMENT_IGNORED', 'NODE_COMMISSIONING_EVENT']);

/** That a stranger's report was refused; the log of strangers, which has a bound of its own, keeps it. */
export function refusedEvent({ macs }: Pick<EnlistmentReport, 'macs'>, text: string, atMs: number): NewMachineEvent {
  const [mac] = macs;
  const description = `${mac === undefined ? '' : `${formatMac(mac)}: `}${text}`;
  return { type: 'NODE_ENLISTMENT_REFUSED', description, atMs, username: '' };
}

/** What is told of the reports of each machine. */
export class EnlistmentLog {
  readonly #sampler = new EventSampler(REPORT_RATE, COUNTED_MAX);

  /** The decision with the events that are to be told. */
  thin<R>(decision: EnlistmentDecision<R>, now: Instant): EnlistmentDecision<R> {
    if (decision.kind !== 'amend' && decision.kind !== 'unchanged') return decision;
    const events = decision.events.flatMap((event) => this.#told(event, decision.systemId, now));
    return { ...decision, events };
  }

  #told(event: NewMachineEvent, systemId: string, now: Instant): readonly NewMachineEvent[] {
    if (!THINNED.has(event.type)) return [event];
    const sample = this.#sampler.take(`${event.type} ${systemId}`, now);
    if (sample === undefined) return [];
    if (sample.count === undefined) return [event];
    return [
      { ...event, description: `${event.description} (${counted(sample.count, 'time')} since this was told last)` },
    ];
  }
}
