// The surroundings of drivers in these tests: a clock that does not advance, and no key.

import type { PowerDeps } from '../../src/power/driver.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const surroundings = (clock = new VirtualClock()): PowerDeps => ({
  clock,
  sshIdentity: () => Promise.reject(new Error('no key here')),
});
