// Detects steps of the wall clock. Running work is timed by instants and is not affected. Stored
// leases are dated by a record that relates wall time to instants: it is written at each step, and
// at startup, because the clock may have been set while no rack ran.
//
// 1. Slewing moves wall and monotonic time alike; only a difference of at least STEP_MS_MIN is a step.

import type { HostMoment } from '../../dhcp/leases/lease-clock.ts';
import { type Clock, type Instant, later, repeat } from '../../ground/clock.ts';
import type { Publish } from '../../ground/event.ts';
import type { DaemonEvent } from '../../region/reports/daemon-events.ts';

const STEP_MS_MIN = 1000;
const CHECK_MS = 1000;

interface ClockWatchDeps {
  readonly clock: Clock;
  readonly publish: Publish;
  /** A reading of the host's clocks, taken at any time since the host booted. */
  readonly moment: Pick<HostMoment, 'now' | 'uptimeS'>;
  /**
   * Writes the new time to disk with a lease granted since the host booted; false if that is not
   * possible now.
   */
  readonly dhcp: { restamp(bootedAt: Instant): boolean };
}

/** Checks the clock every CHECK_MS until `close`. */
export function watchClock({ clock, publish, moment, dhcp }: ClockWatchDeps): { close(): void } {
  const readDifference = (): number => clock.wallTimeMs() - clock.now();
  const bootedAt = later(moment.now, -moment.uptimeS * 1000);
  const restamp = (): boolean => dhcp.restamp(bootedAt);
  let lastDifference = readDifference();
  let isStampDue = !restamp();
  const timer = repeat(clock, CHECK_MS, () => {
    const currentDifference = readDifference();
    if (Math.abs(currentDifference - lastDifference) >= STEP_MS_MIN) {
      const event: DaemonEvent = {
        kind: 'clock.stepped',
        at: clock.now(),
        byMs: Math.round(currentDifference - lastDifference),
      };
      lastDifference = currentDifference;
      isStampDue = true;
      publish(event);
    }
    if (isStampDue) isStampDue = !restamp();
  });
  return { close: () => timer.cancel() };
}
