// A service as the command line runs it: a rack's daemon, or a region apart from its racks.

import type { GivenFiles } from '../files/file-tree.ts';
import type { Clock } from '../ground/clock.ts';
import type { RackError } from '../ground/errors.ts';
import type { NotifyOptions } from '../net/linux/notify-socket.ts';

export interface DaemonOptions {
  readonly configFile: string;
  readonly version: string;
  readonly clock: Clock;
  /** Files that a rack serves besides those of its tree. */
  readonly outsideFiles?: GivenFiles | undefined;
  /** True if the service runs in a lab and ends with it, so that no hall of machines will boot at once. */
  readonly isLab?: boolean | undefined;
  /** How to notify the service manager; `undefined` to send no notifications. */
  readonly notify?: NotifyOptions | undefined;
  /** Called after the daemon has stopped itself because the region cannot start and never did. */
  readonly onFatal: (error: RackError) => void;
}

export interface Daemon {
  reload(): void;
  /** Stops the daemon; `signal` is logged. */
  stop(signal: string): Promise<void>;
}
