// Every case of the suite: those of the wire, and the same attacks from behind a router.

import type { HostileCase } from './case.ts';
import { CASES } from './cases.ts';

export const EVERY_CASE: readonly HostileCase[] = CASES;
