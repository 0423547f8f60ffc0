// The end of the process, step by step: what is under way is brought to its end before anything is closed.
//
//   stopping ─ nothing new is taken ─ ACKs that wait for the disk leave ∥ transfers end ─ cut after STOP_GRACE_MS ─ everything closes
//
// 1. The region and the journal are still open meanwhile: a machine that finishes is heard, and its events are kept.
// 2. Nothing here is needed for safety: what was acknowledged is on disk already.

import type { Clock, Timer } from '../../clock.ts';
import { counted } from '../../counted.ts';
import type { Publish } from '../../event.ts';
import type { DaemonEvent } from '../rack/events.ts';
import type { Rack } from '../rack/rack.ts';
import type { ServiceNotices } from './service-notices.ts';

/** How long answers and transfers may go on after the process was asked to end. */
export const STOP_GRACE_MS = 10_000;
/** How often people are told what is still waited for. */
const PROGRESS_MS = 500;

export interface ShutdownParts {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly notices: ServiceNotices;
}

/** Brings what is under way to its end. @returns the number of transfers that were cut */
export async function finishWork(
  rack: Pick<Rack, 'drain' | 'transfers' | 'dhcp'>,
  parts: ShutdownParts,
): Promise<number> {
  const { clock, notices } = parts;
  const left = () => ({ replies: rack.dhcp.waiting, transfers: rack.transfers });
  const first = left();
  if (first.replies + first.transfers > 0) {
    const event: DaemonEvent = { kind: 'daemon.finishing', at: clock.now(), ...first, graceMs: STOP_GRACE_MS };
    parts.publish(event);
  }
  let under = first.transfers;
  let looking: Timer | undefined;
  const tell = (): void => {
    const { replies, transfers } = left();
    under = transfers;
    notices.stopping(
      `stopping: ${counted(replies, 'answer')} and ${counted(transfers, 'transfer')} are finished first`,
    );
    looking = clock.schedule(PROGRESS_MS, tell);
  };
  tell();
  const startedAt = clock.now();
  await rack.drain(STOP_GRACE_MS);
  looking?.cancel();
  notices.stopping('stopping: handing over events and closing databases');
  // What was still there when the time was up did not end by itself.
  return clock.now() - startedAt >= STOP_GRACE_MS ? under : 0;
}
