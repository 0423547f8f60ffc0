// The language of a page: which one a browser gets, and that it is that of its own request alone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { mac } from '../../../../src/ground/address.ts';
import { nothing } from '../../../../src/ground/html.ts';
import { POWER_DRIVERS } from '../../../../src/power/drivers.ts';
import { chooseControl } from '../../../../src/region/api/call/operation.ts';
import { OPERATIONS } from '../../../../src/region/api/operations.ts';
import { LANGUAGES, wordsFor } from '../../../../src/region/page/frame/languages.ts';
import { renderControls } from '../../../../src/region/page/frame/operation-form.ts';
import { languageForm, renderFullPage } from '../../../../src/region/page/frame/parts.ts';
import { listPlaceholders, valueNames } from '../../../../src/region/page/frame/template.ts';
import { eventText, remarkText } from '../../../../src/region/page/frame/values.ts';
import { completed, withWords, words } from '../../../../src/region/page/frame/words.ts';
import { JAPANESE as JAPANESE_WORDS } from '../../../../src/region/page/frame/words-ja.ts';
import { TRADITIONAL_CHINESE } from '../../../../src/region/page/frame/words-zh-hant.ts';
import { describeTask, getLayoutTask, TASK_NAMES } from '../../../../src/region/page/machines/layout-forms.ts';
import { PURPOSES } from '../../../../src/region/preseed/request.ts';
import { DOUBTS, eventSentence, WRITERS } from '../../../../src/region/records/events.ts';
import { STATUSES } from '../../../../src/region/records/lifecycle.ts';
import { EVENT_TYPES } from '../../../../src/region/records/machine-event.ts';
import { driverLabel, parameterWords } from '../../../../src/region/records/power-words.ts';
import { withRegion } from '../../place.ts';
import { viewOf } from '../view.ts';

/** A language of two words: a plain one, and a function of a value. */
const LATIN = completed({
  frame: { language: 'la', pages: { machines: 'Machinae' } },
  machines: { title: (machines) => `${machines} machinae` },
});
const KNOWN = [LANGUAGES[0], { tags: ['la', 'it-va'], name: 'Latina', words: LATIN }] as const;
const JAPANESE = wordsFor({ accepted: 'ja-JP, en;q=0.5' });

const CHOICES: readonly (readonly [cookie: string, accepted: string, language: string])[] = [
  ['', '', 'en'],
  ['', 'la', 'la'],
  ['', 'LA-va', 'la'],
  ['', 'it-VA', 'la'],
  ['', 'it', 'en'],
  ['', 'lad', 'en'],
  ['', 'de, la;q=0.3', 'la'],
  ['', 'en;q=0.2, la;q=0.8', 'la'],
  ['', 'la;q=0, de', 'en'],
  ['', 'la;q=none', 'en'],
  ['', `${'de,'.repeat(50)}la`, 'en'],
  ['rackboot-5240=abc; rackboot-language=la', 'en', 'la'],
  ['rackboot-language=en', 'la', 'en'],
  ['rackboot-language=xx', 'la', 'la'],
  ['other-rackboot-language=la', '', 'en'],
  ['rackboot-language=', 'la', 'la'],
  ['rackboot-language="la"', '', 'en'],
  ['rackboot-language=la<script>', '', 'en'],
  ['rackboot-language=../../la', '', 'en'],
  ['rackboot-language=__proto__', 'la', 'la'],
  ['rackboot-language=constructor', '', 'en'],
  [`rackboot-language=la${'-x'.repeat(1000)}`, '', 'en'],
];

for (const [cookie, accepted, language] of CHOICES) {
  test(`a browser with the cookie "${cookie.slice(0, 60)}" that accepts "${accepted.slice(0, 20)}" gets ${language}`, () => {
    assert.equal(wordsFor({ cookie, accepted }, KNOWN).frame.language, language);
  });
}

const SHIPPED: readonly (readonly [accepted: string, language: string])[] = [
  ['zh-TW,zh;q=0.9,en;q=0.8', 'zh-Hant'],
  ['zh', 'zh-Hant'],
  ['zh-HK', 'zh-Hant'],
  ['zh-Hant', 'zh-Hant'],
  ['zh-CN', 'zh-Hant'],
  ['en-GB,zh-TW;q=0.5', 'en'],
];

for (const [accepted, language] of SHIPPED) {
  test(`of the languages of the page, "${accepted}" gets ${language}`, () => {
    assert.equal(wordsFor({ accepted }).frame.language, language);
  });
}

test('a word that a language lacks is English, in every depth', () => {
  assert.deepEqual([LATIN.frame.pages.machines, LATIN.frame.pages.images], ['Machinae', words.frame.pages.images]);
  assert.deepEqual([LATIN.machines.title(3), LATIN.machines.heading], ['3 machinae', words.machines.heading]);
  assert.equal(LATIN.deploy.system, words.deploy.system);
  assert.equal(`${LATIN.deploy.noImage('arm64')}`, `${words.deploy.noImage('arm64')}`);
});

test('a label that only a translation has is kept', () => {
  assert.equal(completed({ fields: { mac_addresses: 'Inscriptiones' } }).fields.mac_addresses, 'Inscriptiones');
});

test('a form of languages has a button for each, in its own name, and marks the one of the page', () => {
  const form = `${withWords(JAPANESE, () => languageForm('/MAAS/account/'))}`;
  const buttons = [...form.matchAll(/value="([\w-]+)" lang="([\w-]+)"( aria-current="true")?>([^<]+)</g)];
  assert.deepEqual(
    buttons.map(([, tag, , , name]) => [tag, name]),
    LANGUAGES.map(({ tags, name }) => [tags[0], name]),
  );
  assert.deepEqual(
    buttons.flatMap(([, tag, , current]) => (current === undefined ? [] : [tag])),
    ['ja'],
  );
});

test('events and remarks are sentences of the language of the page; those of racks are English', () => {
  const CHINESE = wordsFor({ accepted: 'zh-TW' });
  const created = { code: 'tag-created', params: { tag: 'gpu' } } as const;
  const overran = {
    code: 'work-overran',
    params: { status: 'deploying', minutes: 40, isRestarted: false, isWritten: false, seen: created },
  } as const;
  const split = { code: 'machine-split-off', params: { machine: { hostname: 'web1', systemId: 'abc' } } } as const;
  const reported = { code: 'tftp.listening', params: { address: '10.0.0.1', port: 69 } } as const;
  const spoken = (own: typeof JAPANESE) =>
    withWords(own, () => [
      remarkText({ code: 'waits-for-hand', params: {} }),
      remarkText(overran),
      eventText({ code: 'command', params: { command: 'deploy', comment: 'for Bob' } }),
      eventText({ ...created, stranger: mac(1) }),
      eventText(split),
    ]);
  const english = spoken(LANGUAGES[0].words);
  for (const own of [JAPANESE, CHINESE]) {
    const sentences = spoken(own);
    sentences.forEach((sentence, index) => {
      assert.match(sentence, /[\u3040-\u9fff]/);
      assert.notEqual(sentence, english[index]);
    });
    assert.match(sentences[1] ?? '', /40.*gpu/);
    assert.ok(sentences[2]?.startsWith(own.actions.deploy.label) && sentences[2].endsWith('for Bob'), sentences[2]);
    assert.match(sentences[3] ?? '', /^00:00:00:00:00:01: .*gpu/);
    assert.match(sentences[4] ?? '', /web1 \(abc\)/);
    assert.equal(
      withWords(own, () => eventText(reported)),
      eventText(reported),
    );
  }
});

test('pages rendered at once are each in their own language, and the page names it', () =>
  withRegion(async ({ region }) => {
    const render = async () => {
      await nextTurn();
      const title = words.machines.title(2);
      await nextTurn();
      return `${renderFullPage(viewOf(region), { title, place: 'machines', main: nothing })}`;
    };
    const [latin, japanese, english, plain] = await Promise.all([
      withWords(LATIN, render),
      withWords(JAPANESE, render),
      withWords(LANGUAGES[0].words, render),
      render(),
    ]);
    assert.match(latin, /<html lang="la">.*<title>2 machinae .*aria-current="page">Machinae</s);
    assert.match(japanese, /<html lang="ja">.*<title>2[^<]*マシン .*aria-current="page">マシン</s);
    for (const page of [english, plain])
      assert.match(page, /<html lang="en">.*<title>2 machines .*aria-current="page">Machines</s);
  }));

const ROOT = join(import.meta.dirname, '../../../..');

/** Their sentences are the words of a rack, of a person or of a machine. */
const OF_OTHERS: ReadonlySet<string> = new Set(['rack', 'said']);

/** The texts that operations declare for their controls, of which each language has its own. */
const CONTROLS = OPERATIONS.flatMap(({ parameters }) => Object.values(parameters)).map((type) => {
  const { label = '', hint = '', choices = {}, group = { label: '', hint: '' } } = chooseControl(type);
  // A choice without words of its own is a term.
  const texts = Object.entries(choices).flatMap(([value, text]) => (value === text ? [] : [text]));
  return { labels: [label, group.label, ...texts], hints: [hint, group.hint] };
});

const byText = (texts: readonly string[]) =>
  Object.fromEntries(texts.flatMap((text) => (text === '' ? [] : [[text, text]])));

/** The English words that other tables have, where a language has its entry. */
const OF_TABLES = {
  happenings: Object.fromEntries(Object.entries(WRITERS).filter(([code]) => !OF_OTHERS.has(code))),
  doubts: DOUBTS,
  fields: byText(CONTROLS.flatMap(({ labels }) => labels)),
  forms: { hints: byText(CONTROLS.flatMap(({ hints }) => hints)) },
  values: {
    states: Object.fromEntries(STATUSES.map(({ status, name }) => [status, name])),
    eventTypes: Object.fromEntries(Object.entries(EVENT_TYPES).map(([type, { title }]) => [type, title])),
  },
  power: {
    driverLabels: Object.fromEntries(POWER_DRIVERS.map(({ name }) => [name, driverLabel(name)])),
    parameters: Object.fromEntries(
      POWER_DRIVERS.flatMap(({ name, parameters }) =>
        parameters.map((parameter) => [`${name} ${parameter.name}`, parameterWords(name, parameter.name)]),
      ),
    ),
  },
  layout: { leads: byText(TASK_NAMES.map(getLayoutTask).map(describeTask)) },
  preseed: {
    meanings: Object.fromEntries(Object.entries(PURPOSES).map(([purpose, { meaning }]) => [purpose, meaning])),
  },
};

const BY_ENGLISH = /^(?:fields|forms\.hints)\./;

const at = (words: unknown, path: readonly string[]): unknown =>
  path.reduce((found: unknown, name) => Reflect.get(Object(found), name), words);

const isFunction = (value: unknown): value is (...values: never[]) => unknown => typeof value === 'function';

/** The texts of a file of a language, with their paths. */
function textsIn(section: object, path: readonly string[] = []): readonly (readonly [readonly string[], string])[] {
  return Object.entries(section).flatMap(([name, value]) =>
    typeof value === 'string'
      ? [[[...path, name], value] as const]
      : Array.isArray(value)
        ? []
        : textsIn(Object(value), [...path, name]),
  );
}

/** True if the English sentence of an event reads this parameter, or cannot be made without real ones. */
function takes(code: string, parameter: string): boolean {
  const read = new Set<string | symbol>();
  const get = (_none: object, name: string | symbol): string => {
    read.add(name);
    return 'x';
  };
  const params = new Proxy({}, { get });
  try {
    Reflect.apply(eventSentence, undefined, [{ code, params }]);
  } catch {
    return true;
  }
  return read.has(parameter);
}

for (const file of ['ja', 'zh-Hant'])
  test(`each text of lang/${file}.json translates an English word, and has a place for each of its values`, () => {
    const directory = join(ROOT, 'src/region/page/frame/lang');
    const faults = textsIn(JSON.parse(readFileSync(join(directory, `${file}.json`), 'utf8'))).flatMap(
      ([path, text]) => {
        const english = at(LANGUAGES[0].words, path) ?? at(OF_TABLES, path);
        if (path[0] === 'happenings')
          return listPlaceholders(text).every((name) => takes(path[1] ?? '', name)) ? [] : [text];
        // Labels and hints by what they translate: the name of a parameter, its description.
        if (english === undefined && BY_ENGLISH.test(path.join('.'))) return [];
        const wanted = isFunction(english) ? valueNames(english) : [];
        const named = listPlaceholders(text);
        const isRight =
          english !== undefined &&
          (typeof english === 'string' || named.toSorted().join() === wanted.toSorted().join());
        return isRight ? [] : [`${path.join('.')}: ${text} (${wanted.join(', ')})`];
      },
    );
    assert.deepEqual(faults, []);
  });

/** Words made of others, commands, and the name of the program. */
const WITHOUT_ENTRY =
  /^(?:values\.(?:state|eventType)|power\.(?:driver|parameter)|preseed\.meaning|health\.\w+Fix|frame\.title)$/;

/** All words, with their paths: texts, markup and functions. */
const wordsIn = (section: object, path: readonly string[] = []): readonly (readonly [readonly string[], unknown])[] =>
  Object.entries(section).flatMap(([name, word]) =>
    isSection(word) ? wordsIn(word, [...path, name]) : [[[...path, name], word] as const],
  );

const isSection = (word: unknown): word is object =>
  typeof word === 'object' && word !== null && Object.getPrototypeOf(word) === Object.prototype;

const isWritten = (word: unknown): boolean =>
  /[a-z]{2}/.test(
    String(
      isFunction(word)
        ? Reflect.apply(
            word,
            undefined,
            valueNames(word).map(() => ''),
          )
        : word,
    ),
  );

for (const [file, computed] of [
  ['ja', JAPANESE_WORDS],
  ['zh-Hant', TRADITIONAL_CHINESE],
] as const)
  test(`every word of the pages has an entry (${file})`, () => {
    const texts = JSON.parse(readFileSync(join(ROOT, `src/region/page/frame/lang/${file}.json`), 'utf8'));
    const hasNone = ([path]: readonly [readonly string[], unknown]) =>
      at(texts, path) === undefined && at(computed, path) === undefined;
    const missing = [
      ...wordsIn(LANGUAGES[0].words)
        .filter(hasNone)
        .filter(([path, word]) => !WITHOUT_ENTRY.test(path.join('.')) && isWritten(word)),
      ...wordsIn(OF_TABLES).filter(hasNone),
    ];
    assert.deepEqual(
      missing.map(([path]) => path.join('.')),
      [],
    );
  });

/** Terms that are the same in every language. */
const TERMS = /^(?:MTU|TTL|URL|VLAN)$/;

const TEXT = /^(?:label|p|legend|h1|h2|button) (?:[\w-]+="[^"]*" )*(.*)$/;
const TRANSLATED = /^ {4}\w+ (?:[\w-]+="[^"]*" )*(.*)$/;

test('every label, hint and button of the forms is translated (fixtures/golden/forms.txt)', () => {
  const lines = readFileSync(join(ROOT, 'fixtures/golden/forms.txt'), 'utf8').split('\n');
  const english = lines.flatMap((line, index) => {
    const [, text = ''] = TEXT.exec(line) ?? [];
    if (!/[A-Za-z]{2}/.test(text) || TERMS.test(text) || line.includes(' lang=')) return [];
    // Indented lines follow, one if both languages have the same; none: it is English in both.
    const others = lines.slice(index + 1, index + 3).flatMap((other) => TRANSLATED.exec(other)?.[1] ?? []);
    const begins = (other: string): boolean => text.length > 25 && other.startsWith(text.slice(0, 20));
    return others.length === 0 || others.some((other) => other === text || begins(other)) ? [text] : [];
  });
  assert.deepEqual([...new Set(english)], []);
});

for (const { name, words: own } of LANGUAGES.slice(1))
  test(`the forms of layouts have no English label or hint (${name})`, () =>
    withRegion(({ region }) => {
      const textsOf = () =>
        TASK_NAMES.map(getLayoutTask).flatMap(({ operation, only }) =>
          renderControls(viewOf(region), operation, { only, ...words.layout })
            .flatMap((control) => [...`${control}`.matchAll(/<(?:label|legend|b|p)[^>]*>([^<]+)/g)])
            .map(([, text = '']) => text),
        );
      const english = new Set(textsOf().filter((text) => !TERMS.test(text) && /[a-z]{2}/.test(text)));
      assert.deepEqual(
        withWords(own, textsOf).filter((text) => english.has(text)),
        [],
      );
    }));
