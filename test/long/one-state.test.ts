// Two daemons that are started at the same moment on one state directory, more often than in the short suite.
// @host alone

import { after, before, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { raceStarts } from '../support/raced-starts.ts';
import { RunningRack } from '../support/running-rack.ts';

const RACES = 10;

describe('two racks that are started at the same moment on one state directory', {
  skip: missing('root', 'unshare', 'ip'),
}, () => {
  let rack: RunningRack;
  before(() => {
    rack = new RunningRack(labPlace(107));
  });
  after(() => rack.remove());

  test('end as one that serves and one that says why it does not', async () => {
    await raceStarts(rack, RACES);
  });
});
