// No text of a request may have a NUL: PostgreSQL refuses one, and SQLite would keep what can never move to PostgreSQL. The long suite asks a
// region on PostgreSQL.
// @host waits, 10 s

import { after, before, describe } from 'node:test';
import { type LiveRegion, startRegion } from '../live.ts';
import { answersNul } from './nul-answers.ts';

describe('a NUL on SQLite', () => {
  let region: LiveRegion;
  before(async () => {
    region = await startRegion();
  });
  after(() => region?.close());
  answersNul(() => region);
});
