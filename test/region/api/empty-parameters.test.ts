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
    for (const trial of first.values())
      await withSite(async (site) => {
        const operation = OPERATIONS.find((one) => titlesOf(one).includes(trial.of));
        const { given, method, url, sent } = await requestOf(trial, site);
        const fields = { ...given.fields, ...sent };
        const empty = Object.keys(operation?.parameters ?? {}).filter((name) => !(name in fields));
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
  });
