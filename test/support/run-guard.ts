// Ends a run of tests whose process was killed: `run-guard.ts SCRATCH PLACE …`. Its input ends with that process.

import { endRun } from './run-end.ts';

const [scratch = '', ...places] = process.argv.slice(2);
process.stdin.resume().once('close', () => endRun(scratch, places));
