// Machines enlist, are measured and deployed through a rack, while the processes of its region and their database are killed: each machine
// ends Deployed, and every step happens once. `test/long/region-kill.test.ts` kills more, and for longer.
// @host alone

import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { deployUnderFire } from '../support/deploy-under-fire.ts';
import { missing } from '../support/needs.ts';

const SKIP = missing('linux', '/usr/lib/postgresql');

test(
  'machines end Deployed though their region is killed, each change of power happens once, each event is reported once',
  {
    skip: SKIP,
  },
  () =>
    deployUnderFire({
      name: 'region-kill-deployment',
      places: [labPlace(2), labPlace(3)],
      rack: labPlace(4),
      hasStandby: false,
      // The kernel keeps what a killed server has written, so the disk need not be waited for.
      settings: ['fsync = off'],
      machines: 2,
      livesMax: 1,
      paceMs: 250,
      writers: 2,
      followers: 1,
      kills: [3, 0],
      killsPerCrash: 3,
      pauseMsMax: 6000,
    }),
);
