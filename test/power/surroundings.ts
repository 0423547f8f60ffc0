// The surroundings of drivers in these tests: a clock that does not advance, and no key.

import type { PowerSurroundings } from '../../src/power/driver.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

export const surroundings = (clock = new VirtualClock()): PowerSurroundings => ({
  clock,
  sshIdentity: () => Promise.reject(new Error('no key here')),
});
