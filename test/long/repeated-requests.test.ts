// Every change of the API is sent twice, as clients do whose answer was lost: the second is refused, or changes nothing, or the operation says
// that it is not idempotent.
// @host computes, 90 s

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../src/region/api/operations.ts';
import { seen } from '../region/api/seen.ts';
import { EVERY_TRIAL } from '../region/api/sent/every-trial.ts';
import { requestOf, type Trial, titlesOf, withSite } from '../region/api/sent/trial.ts';

/** Their answers say what this call has changed, so the second says that nothing has. */
const ANSWERS_DIFFER =
  /^\S+ POST (?:tags\/\{name\} update_nodes|account\/prefs\/sshkeys import|(?:machines|nodes) (?:release|accept))$/;

/** All that can be read afterwards, without the log, which has an event of each request. */
async function stateOf(site: Parameters<typeof seen>[0]): Promise<Readonly<Record<string, string>>> {
  const { 'events/?op=query': _log, ...state } = await seen(site);
  return state;
}

/** The fault of a change that is sent twice; undefined: none. */
async function faultOf(trial: Trial): Promise<string | undefined> {
  let fault: string | undefined;
  await withSite(async (site) => {
    const { given, method, url, sent } = await requestOf(trial, site);
    const fields = { ...given.fields, ...sent };
    const first = await site.ask(method, url, fields, trial.by);
    const state = await stateOf(site);
    const second = await site.ask(method, url, fields, trial.by);
    const isRefused = second.status >= 400;
    if (isRefused || second.text === first.text || ANSWERS_DIFFER.test(trial.of)) {
      const after = await stateOf(site);
      const changed = Object.keys(state).filter((path) => state[path] !== after[path]);
      if (changed.length > 0) fault = `${trial.of}: the second ${isRefused ? 'is refused but ' : ''}changes ${changed}`;
    } else fault = `${trial.of}: the second answer is ${second.text.slice(0, 300)}`;
  }, trial.options);
  return fault;
}

test('each change is the same when it is repeated, or is refused, or says that it is not idempotent', async () => {
  const faults: string[] = [];
  let tried = 0;
  for (const trial of EVERY_TRIAL) {
    if (!/^\S+ (?:POST|PUT|DELETE) /.test(trial.of)) continue;
    tried += 1;
    const operation = OPERATIONS.find((one) => titlesOf(one).includes(trial.of));
    const fault = /\bNot idempotent\b/.test(operation?.doc ?? '') ? undefined : await faultOf(trial);
    if (fault !== undefined) faults.push(fault);
  }
  assert.ok(tried > 200, `only ${tried} changes are tried`);
  assert.deepEqual(faults, []);
});
