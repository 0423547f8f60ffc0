// Empty parameters, as clients send them that write every field of a form: one that cannot be empty counts as absent, and one that can keeps its
// meaning.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { GROUPS } from './sent/every-trial.ts';
import { requestOf, titlesOf, withSite } from './sent/trial.ts';

for (const [group, trials] of Object.entries(GROUPS))
  test(`no operation refuses a parameter because it is empty: ${group}`, async () => {
    const first = new Map(trials.filter(({ isAgain }) => isAgain !== true).map((trial) => [trial.of, trial]));
    for (const trial of first.values()) {
      const { send } = trial;
      const parameters = Object.keys(OPERATIONS.find((one) => titlesOf(one).includes(trial.of))?.parameters ?? {});
      // `sent-parameters.test.ts` sends the same request.
      if (typeof send !== 'function' && parameters.every((name) => name in send)) continue;
      await withSite(async (site) => {
        const { given, method, url, sent } = await requestOf(trial, site);
        const fields = { ...given.fields, ...sent };
        const empty = parameters.filter((name) => !(name in fields));
        const all = { ...Object.fromEntries(empty.map((name) => [name, ''])), ...fields };
        const { status, json, text } = await site.ask(method, url, all, trial.by);
        if (status !== 400) return;
        const refused = Object.keys(Object(json));
        assert.deepEqual(
          refused.filter((name) => empty.includes(name)),
          [],
          `${trial.of}: ${text}`,
        );
      }, trial.options);
    }
  });
