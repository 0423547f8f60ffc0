// Three processes of one region under load on PostgreSQL with a standby, and a rack whose machines are deployed and released all the time:
// processes and the database are killed at random moments, and in the middle its standby takes its place. Nothing acknowledged is lost, every
// event arrives once, no command switches a machine twice, and every machine that was deploying ends Deployed.
// @host alone

import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { deployUnderFire } from '../support/deploy-under-fire.ts';
import { missing } from '../support/needs.ts';

test(
  'a region under fire loses nothing acknowledged, reports every event once, and deploys every machine',
  {
    skip: missing('linux', '/usr/lib/postgresql'),
  },
  () =>
    deployUnderFire({
      name: 'region-kill',
      places: [labPlace(73), labPlace(74), labPlace(75)],
      rack: labPlace(5),
      hasStandby: true,
      machines: 4,
      livesMax: Number.POSITIVE_INFINITY,
      paceMs: 200,
      writers: 6,
      followers: 2,
      kills: [48, 24],
      killsPerCrash: 5,
      pauseMsMax: 20_000,
    }),
);

// Fewer kills: each step of a few machines happens once.
test(
  'machines end Deployed though their region is killed, each change of power happens once, each event is reported once',
  {
    skip: missing('linux', '/usr/lib/postgresql'),
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
