// Every case of the suite.

import type { HostileCase } from './case.ts';
import { CASES } from './cases.ts';
import { FURTHER_CASES } from './further-cases.ts';
import { REGION_CASES } from './region-cases.ts';
import { routed } from './routed-cases.ts';

const NEAR = [...CASES, ...REGION_CASES, ...FURTHER_CASES];

export const EVERY_CASE: readonly HostileCase[] = [...NEAR, ...routed(NEAR)];
