// The house style as a test: who may import whom, what may be opened where, and words that do not belong in a finished tree. Each rule names
// its remedy.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { NEEDED_PACKAGES } from './support/needs.ts';
import { findAmbiguousParts, findKeepers, findLaunderers, readProduct } from './support/typed-source.ts';

const ROOT = dirname(import.meta.dirname);

/** A room's level; imports go to a lower level, or stay in the room. */
const LEVELS: Readonly<Record<string, number>> = {
  ground: -1,
  net: 0,
  boot: 1,
  machines: 1,
  files: 1,
  dhcp: 2,
  tftp: 2,
  dns: 2,
  http: 2,
  images: 2,
  power: 2,
  // Code for browsers: it imports nothing, and no room imports it.
  web: 2,
  region: 3,
  store: 4,
  config: 4,
  uplink: 4,
  observe: 4,
  daemon: 5,
  // Asks the running daemon of this host.
  control: 5,
  // Hosts a region: in a thread of a rack, or in a process of its own.
  'region-host': 5,
  threads: 5,
  // Reads captured datagrams with the codecs and deciders of every room below.
  capture: 6,
  cli: 6,
  lab: 6,
  doctor: 6,
  'main.ts': 7,
};

/** Files that `src` shares with the starter of Rackboot, plain JavaScript for an old Node: the cache of a checkout, Node's flags. */
const STARTERS_OWN = new Set(['../bin/cache-place.js', '../bin/daemon-flags.js']);

/** Rooms in which `server.ts` alone opens anything. */
const PURE_ROOMS = new Set(['boot', 'dhcp', 'tftp', 'dns', 'http', 'machines']);
/** Files elsewhere that may touch sockets, files or processes. */
const OPENERS = [
  /^net\//,
  /^files\//,
  /^images\//,
  /^power\//,
  /^region\/http\/server\.ts$/,
  /^store\//,
  /^uplink\//,
  /^config\//,
  /^observe\//,
  /^doctor\//,
  /^lab\//,
  /^cli\//,
  /^control\//,
  /^main\.ts$/,
  /^ground\/clock\.ts$/,
  /^daemon\//,
  /^region-host\//,
  /^threads\//,
];
const OPENING_MODULES = new Set([
  'node:fs',
  'node:fs/promises',
  'node:net',
  'node:dgram',
  'node:http',
  'node:https',
  'node:tls',
  'node:dns',
  'node:child_process',
  'node:worker_threads',
  'node:sqlite',
  'koffi',
  'chokidar',
  'fastify',
]);
const CLOCK_CALLS =
  /\b(Date\.now|performance\.now|process\.hrtime|Math\.random)\b|(?<!\.)\b(setTimeout|setInterval)\(|\bnew Date\(\)|\bAbortSignal\.timeout\(/;

interface Source {
  /** Path below src. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly lines: readonly string[];
}

function listFiles(...patterns: string[]): string[] {
  const out = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...patterns], {
    cwd: ROOT,
  });
  return out
    .toString('utf8')
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(ROOT, path)));
}

const sources: readonly Source[] = listFiles('src/*.ts', 'src/**/*.ts').map((file) => {
  const path = relative('src', file);
  const text = readFileSync(join(ROOT, file), 'utf8');
  return { path, room: path.split('/')[0] ?? path, text, lines: text.split('\n') };
});

interface Program {
  /** Path below the checkout. */
  readonly file: string;
  readonly text: string;
  readonly lines: readonly string[];
}

/** The code of src, its tests, its benchmarks and its packages. */
const programs = (): readonly Program[] =>
  listFiles('src', 'test', 'bench', 'packaging')
    .filter((file) => file.endsWith('.ts') && file !== 'test/tidy.test.ts')
    .map((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8');
      return { file, text, lines: text.split('\n') };
    });

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
  /** Loaded when a line of code runs, not with its file. */
  readonly isLate: boolean;
}

function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const pattern =
    /^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'|(?:\b(?:import|getBuiltinModule)|\bcreateRequire\(import\.meta\.url\))\(\s*'([^']+)'/gm;
  for (const match of source.text.matchAll(pattern)) {
    const target = match[2] ?? match[3] ?? match[4] ?? '';
    found.push({ typeOnly: match[1] !== undefined, isLate: match[4] !== undefined, target });
  }
  return found;
}

function report(problems: readonly string[], remedy: string): void {
  assert.equal(problems.length, 0, `${problems.join('\n')}\n→ ${remedy}`);
}

test('every file of src lies in a room of the map', () => {
  report(
    sources.filter((source) => LEVELS[source.room] === undefined).map((source) => source.path),
    'put it into one of the rooms, or add the room to the map in CONTRIBUTING.md and here',
  );
});

test('imports go downwards only, and protocol rooms never import each other', () => {
  const problems: string[] = [];
  for (const source of sources) {
    for (const { target, typeOnly } of importsOf(source)) {
      if (!target.startsWith('.')) continue;
      const path = normalize(join(dirname(source.path), target));
      const room = path.split('/')[0] ?? path;
      if (room === source.room) continue;
      const own = LEVELS[source.room] ?? 99;
      const other = STARTERS_OWN.has(path) ? 0 : (LEVELS[room] ?? 99);
      const typesFromAbove = typeOnly && basename(path) === 'events.ts';
      if (other > own && !typesFromAbove) problems.push(`${source.path} imports ${path} from above`);
      if (other === own && (own === 2 || own === 3 || own === 7)) {
        problems.push(`${source.path} imports its neighbour ${path}`);
      }
      // Tables only: events, the reasons of a NAK, the faults of a download.
      const isOfWords = /(?:^|\/)(?:refusals|fault|events)\.ts$/.test(path);
      if (own === 3 && other === 2 && !typeOnly && !isOfWords) {
        problems.push(`${source.path} imports more than types of ${path}`);
      }
      if (own === 2 && other === 2) problems.push(`${source.path} imports the protocol room ${path}`);
    }
  }
  report(problems, 'move the shared thing down a level, or hand it in as a port');
});

/** Reports each circle among nodes of a graph. */
function reportCircles(imports: ReadonlyMap<string, readonly string[]>, remedy: string): void {
  const problems: string[] = [];
  const done = new Set<string>();
  const follow = (node: string, trail: readonly string[]): void => {
    const from = trail.indexOf(node);
    if (from !== -1) problems.push([...trail.slice(from), node].join(' → '));
    if (from !== -1 || done.has(node)) return;
    for (const target of imports.get(node) ?? []) follow(target, [...trail, node]);
    done.add(node);
  };
  for (const node of imports.keys()) follow(node, []);
  report(problems, remedy);
}

const filesImportedBy = (source: Source): string[] =>
  importsOf(source)
    .filter(({ target }) => target.startsWith('.'))
    .map(({ target }) => normalize(join(dirname(source.path), target)));

test('no file imports itself indirectly, not even for a type', () => {
  const imports = new Map(sources.map((source) => [source.path, filesImportedBy(source)]));
  reportCircles(imports, 'put what both need into a file of its own');
});

test('docs/architecture.md has each folder of a room that has a table, after all folders that it imports', () => {
  const problems: string[] = [];
  const document = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
  for (const [table, room = ''] of document.matchAll(/^\| folder of `([\w/]+)\/` \|.*\n(?:\|.*\n)+/gm)) {
    const rows = [...table.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`(\w+)\/`/g)]);
    const order = rows.map(([, folder = '']) => folder);
    const folders = globSync(`src/${room}/*/`, { cwd: ROOT }).map((path) => basename(path));
    for (const folder of folders) if (!order.includes(folder)) problems.push(`${room}/${folder} is in no row`);
    for (const folder of order) if (!folders.includes(folder)) problems.push(`${room}/${folder} does not exist`);
    const folderOf = (path: string): number =>
      order.indexOf(path.startsWith(`${room}/`) ? (path.split('/')[room.split('/').length] ?? '') : '');
    for (const source of sources.filter(({ path }) => folderOf(path) !== -1))
      for (const target of filesImportedBy(source))
        if (folderOf(target) > folderOf(source.path)) problems.push(`${source.path} imports ${target}`);
  }
  assert.equal(document.match(/^\| folder of /gm)?.length, 9);
  report(problems, 'move the row or the file');
});

test('no folder imports itself indirectly, not even for a type', () => {
  // A file of `src` itself is its own folder.
  const folderOf = (path: string): string => (dirname(path) === '.' ? path : dirname(path));
  const imports = new Map<string, string[]>();
  for (const source of sources) {
    const own = folderOf(source.path);
    const targets = filesImportedBy(source)
      .map(folderOf)
      .filter((folder) => folder !== own);
    imports.set(own, [...(imports.get(own) ?? []), ...targets]);
  }
  reportCircles(imports, 'put what both need into the folder below them');
});

test('in boot, machines, dhcp, tftp, dns and http only server.ts opens anything; elsewhere only the rooms made for it', () => {
  const problems: string[] = [];
  for (const source of sources) {
    const allowed = PURE_ROOMS.has(source.room)
      ? basename(source.path) === 'server.ts'
      : OPENERS.some((pattern) => pattern.test(source.path));
    if (allowed) continue;
    for (const { target, typeOnly } of importsOf(source)) {
      if (!typeOnly && OPENING_MODULES.has(target)) problems.push(`${source.path} imports ${target}`);
    }
    if (/\b(getBuiltinModule\((?!\s*'node:)|createRequire\((?!import\.meta\.url\)\('))/.test(source.text))
      problems.push(`${source.path} hides what it opens`);
  }
  report(problems, 'let server.ts open it and hand over what is needed');
});

/** The imports that are loaded together with a file; late ones are not. */
const loadsOf = (source: Source): string[] =>
  importsOf(source)
    .filter(({ typeOnly, isLate }) => !typeOnly && !isLate)
    .map(({ target }) => (target.startsWith('.') ? normalize(join(dirname(source.path), target)) : target));

/** The files that the main thread starts with, until its sockets are open. */
const SERVING = ['main.ts', 'cli/rack/run.ts', 'daemon/rack-process.ts'];
/** Each thread of a rack at its start: the files that start it, and which packages they load. */
const THREADS = [
  { thread: 'main', starts: [...SERVING, 'daemon/rack-answers.ts'], packages: 'chokidar pino zod' },
  // Before its other threads are starting.
  { thread: 'main, at first,', starts: ['main.ts', 'cli/rack/run.ts'], packages: 'zod' },
  { thread: 'region', starts: ['threads/region.ts'], packages: 'fastify zod' },
  { thread: 'uplink', starts: ['threads/uplink.ts'], packages: 'zod' },
  { thread: 'journal', starts: ['threads/journal.ts'], packages: '' },
  { thread: 'net', starts: ['threads/network.ts'], packages: '' },
  { thread: 'tftp', starts: ['threads/tftp.ts'], packages: '' },
] as const;

/** The files of src, packages and modules of Node that are loaded together with these files. */
function loadedBy(starts: readonly string[]): readonly string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const loaded = new Set(starts);
  for (const path of loaded) {
    const source = byPath.get(path);
    assert.ok(source !== undefined || !path.endsWith('.ts'), path);
    if (source !== undefined) for (const target of loadsOf(source)) loaded.add(target);
  }
  return [...loaded];
}

test('each thread of a rack starts with few packages', () => {
  for (const { thread, starts, packages } of THREADS) {
    const others = loadedBy(starts).filter((target) => !target.endsWith('.ts') && !/^node:|^\.\./.test(target));
    assert.equal(
      others.sort().join(' '),
      packages,
      `the ${thread} thread would start later, and hold more memory: load a package where it is first needed`,
    );
  }
});

test('no thread of a rack loads the modules for encryption, the texts of the region or the tables of commands at its start', () => {
  const problems = THREADS.flatMap(({ thread, starts }) => {
    const loaded = loadedBy(starts);
    const unneeded = [
      'node:tls',
      'cli/commands.ts',
      ...(['journal', 'net', 'tftp'].includes(thread) ? ['node:crypto'] : []),
      ...(thread === 'region' ? [] : ['region/page/frame/words.ts', 'region/records/events.ts']),
    ];
    return unneeded.filter((each) => loaded.includes(each)).map((each) => `the ${thread} thread loads ${each}`);
  });
  report(problems, 'load it where it is needed: each start would take longer, and each rack more memory');
});

test('only clock.ts reads a clock, sets a timer or draws a random number', () => {
  const problems: string[] = [];
  for (const source of sources) {
    // A browser has no clock.ts.
    if (source.path === 'ground/clock.ts' || source.room === 'web') continue;
    source.lines.forEach((line, index) => {
      if (CLOCK_CALLS.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line))
        problems.push(`${source.path}:${index + 1}: ${line.trim()}`);
    });
  }
  report(problems, 'take `now` as an argument, or a Clock');
});

test('no command waits for a timer that does not keep the process alive', () => {
  const problems: string[] = [];
  for (const { path, lines } of sources) {
    const isEdge = path.startsWith('cli/') || path === 'main.ts';
    lines.forEach((line, index) => {
      const isWait = /systemClock\.schedule\([^,]*,\s*(?:\(\) => )?resolve\b/.test(line);
      // A timer that limits a question which itself keeps the process alive may only abort it.
      const isUnbound = isEdge && /\.schedule\(/.test(line) && !/\.abort\(\)\);$/.test(line);
      if (isWait || isUnbound) problems.push(`${path}:${index + 1}: ${line.trim()}`);
    });
  }
  report(problems, 'wait with sleep() of clock.ts: a timer of the clock lets the process end');
});

test('markup is written as a template of `html`: no plain string starts with a tag', () => {
  const found = sources
    // Those of dhcp and images recognise a web page in the place of a file.
    .filter(({ room }) => !['web', 'dhcp', 'images'].includes(room))
    .flatMap(({ path, lines }) =>
      lines
        .filter((line) => /(?:'|(?<!\bhtml)`)<[/!]?[a-z]/.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
  report(found, 'write it as a template of `html`');
});

test('each file begins with a comment that says what it is', () => {
  report(
    sources.filter((source) => !/^(#!.*\n)?(\/\/|\/\*)/.test(source.text)).map((source) => source.path),
    'begin it with a comment: what it is, its sources, its invariants',
  );
});

test('names say what a thing is: no util, helper, manager, common; no barrels; no default exports', () => {
  const problems: string[] = [];
  for (const source of sources) {
    if (/(^|[/-])(utils?|helpers?|managers?|common|misc)([.-]|$)/.test(source.path))
      problems.push(`${source.path}: name`);
    if (/^export \* from/m.test(source.text)) problems.push(`${source.path}: barrel`);
    if (/^export default/m.test(source.text)) problems.push(`${source.path}: default export`);
    if (!/^[a-z0-9./-]+$/.test(source.path)) problems.push(`${source.path}: file names are kebab-case`);
  }
  report(problems, 'name the thing; if it has no name it has no home');
});

test('no leftover markers, no silenced checks, no path of a build machine, no registry host', () => {
  const problems: string[] = [];
  const marks = new RegExp(
    [
      '\\bTO' + 'DO\\b',
      '\\bFIX' + 'ME\\b',
      '\\bXX' + 'X\\b',
      '@ts-' + 'ignore',
      '@ts-' + 'expect-error',
      '\\bas ' + 'any(?! [a-z])',
      '\\.on' + 'ly\\(',
    ].join('|'),
  );
  const places = new RegExp(
    ['/wo' + 'rk/', 'registry\\.' + 'npmjs', 'deb\\.' + 'debian\\.org', '/ro' + 'ot/'].join('|'),
  );
  for (const file of listFiles(
    ...['src', 'test', 'bench', 'bin', 'packaging', 'config', 'systemd', 'docs', '*.md', '*.json', '.ci'],
  )) {
    if (file === 'package-lock.json' || /\.(png|bin|gz|pcap)$/.test(file)) continue;
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .forEach((line, index) => {
        if (/^(src|test|bench|bin|packaging)\//.test(file) && marks.test(line))
          problems.push(`${file}:${index + 1}: ${line.trim().slice(0, 100)}`);
        if (places.test(line)) problems.push(`${file}:${index + 1}: ${line.trim().slice(0, 100)}`);
      });
  }
  report(problems, 'finish it, or take it out');
});

test('every file of the project named in a text exists: a script in a string moves with its imports', () => {
  const problems: string[] = [];
  for (const file of listFiles(
    ...['src', 'test', 'bench', 'bin', 'packaging', 'systemd', 'docs', '*.md', 'package.json', '.ci'],
  )) {
    if (!/\.(ts|js|md|json|service|yaml)$|^\.ci\//.test(file)) continue;
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, path = ''] of text.matchAll(/(?<![\w/.-])(?:\.\/)?((?:src|test|bench|bin)\/[\w./-]+\.(?:ts|js))\b/g))
      if (!existsSync(join(ROOT, path)) && basename(path) !== 'a.ts') problems.push(`${file}: ${path}`);
  }
  report(problems, 'name the file that took its place; a made-up file is called a.ts');
});

test('.ci/run installs every package that a test needs', () => {
  const script = readFileSync(join(ROOT, '.ci/run'), 'utf8');
  const installed = new Set(/packages=\(([^)]*)\)/.exec(script)?.[1]?.split(/\s+/));
  report(
    NEEDED_PACKAGES.filter((name) => !installed.has(name)),
    'add it to the packages of .ci/run',
  );
});

test('every error code is used, and used as written in errors.ts', () => {
  const text = readFileSync(join(ROOT, 'src/ground/errors.ts'), 'utf8');
  const table = text.slice(text.indexOf('RACK_ERROR_CODES = {'), text.indexOf('} as const'));
  const codes = [...table.matchAll(/^ {2}'([a-z-]+)':/gm)].map((match) => match[1] ?? '');
  const rest = sources
    .filter((source) => source.path !== 'errors.ts')
    .map((source) => source.text)
    .join('\n');
  report(
    codes.filter((code) => !rest.includes(`'${code}'`)),
    'delete the code, or raise it',
  );
});

test('each place on loopback belongs to one test file, so that two of them can run side by side', () => {
  const owners = new Map<string, Set<string>>();
  for (const path of globSync('{test,bench}/**/*.ts', { cwd: ROOT })) {
    const text = readFileSync(join(ROOT, path), 'utf8');
    for (const [, place = ''] of text.matchAll(/labPlace\((\d+)\)/g)) {
      owners.set(place, (owners.get(place) ?? new Set()).add(path));
    }
  }
  const shared = [...owners].filter(([, files]) => files.size > 1);
  report(
    shared.map(([place, files]) => `labPlace(${place}): ${[...files].join(', ')}`),
    'give each file a place of its own',
  );
});

/** For each file of src, the files that name it: in an import of any form, or in a string. */
function filesThatName(): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const named = new Map<string, Map<string, string>>();
  for (const file of listFiles('src', 'test', 'bench', 'bin', 'packaging')) {
    if (!/\.[jt]s$/.test(file)) continue;
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, path = ''] of text.matchAll(/'(\.{1,2}\/[\w./-]+\.ts)'/g)) {
      const target = normalize(join(dirname(file), path));
      const users = named.get(target) ?? new Map<string, string>();
      named.set(target, users.set(file, text));
    }
  }
  return named;
}

test('every exported value and type is imported, and a value not by tests alone unless its own file uses it', () => {
  const named = filesThatName();
  const forTests: string[] = [];
  const unused: string[] = [];
  for (const { path, text } of sources) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    const exported = /^export (?:(?:async|abstract) )?(?:const|let|function\*?|class) (\w+)/gm;
    for (const [, name = ''] of code.matchAll(exported)) {
      const word = new RegExp(`\\b${name}\\b`, 'g');
      const users = [...(named.get(`src/${path}`) ?? [])].filter(([, user]) => user.search(word) !== -1);
      if (users.some(([file]) => /^(?:src|bin|packaging)\//.test(file))) continue;
      if (users.length === 0) unused.push(`${path} ${name}`);
      else if ((code.match(word) ?? []).length === 1) forTests.push(`${path} ${name}`);
    }
    for (const [, name = ''] of code.matchAll(/^export (?:interface|type) (\w+)/gm))
      if (![...(named.get(`src/${path}`)?.values() ?? [])].some((user) => user.search(`\\b${name}\\b`) !== -1))
        unused.push(`${path} ${name}`);
  }
  report(unused, 'take `export` away, or the whole if its file does not use it either');
  report(forTests, 'only tests use it: take it out, or move it to test/support');
});

/** Members of classes that only tests use, each with its reason. */
const MEMBERS_FOR_TESTS: Readonly<Record<string, string>> = {
  'lab/namespace.ts addHost':
    'only tests add client hosts; it stays here because `remove`, which the labs use too, must delete them',
};

test('every member of a class is named in src a second time: tests alone are not a reader', () => {
  const codes = sources.map(({ path, text }) => ({ path, code: text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '') }));
  const counts = new Map<string, number>();
  for (const { code } of codes)
    for (const [word] of code.matchAll(/\b\w+\b/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const member = /^ {2}(?:(?:static|async|get|set|override|readonly) )*\*?([a-z]\w*)(?:[(<:]| =)/gm;
  const unread = codes
    .filter(({ code }) => /^(?:export )?(?:abstract )?class /m.test(code))
    .flatMap(({ path, code }) => [...code.matchAll(member)].map(([, name = '']) => ({ path, name })))
    .filter(({ name }) => counts.get(name) === 1);
  assert.deepEqual(
    unread.map(({ path, name }) => `${path} ${name}`),
    Object.keys(MEMBERS_FOR_TESTS),
    'take it out, or move it to the tests',
  );
});

test('no three files of src have a top-level function of one name', () => {
  const files = new Map<string, string[]>();
  const declared =
    /^(?:export )?(?:async )?(?:function\*? (\w+)\s*[<(]|const (\w+)(?:: [^=]+)? =\s*(?:async )?(?:<[^>]*>)?\()/gm;
  for (const { path, text } of sources)
    for (const name of new Set([...text.matchAll(declared)].map(([, called, held]) => called ?? held ?? '')))
      files.set(name, [...(files.get(name) ?? []), path]);
  report(
    [...files].filter(([, paths]) => paths.length > 2).map(([name, paths]) => `${name}: ${paths.join(', ')}`),
    'give each the name of what it returns or acts on: `sendDatagram`, not `send`',
  );
});

test('a house word is in declarations of the rooms that the list of house words names', () => {
  const table =
    /^\| word \| means \| in \|\n(?:\|.*\n)+/m.exec(readFileSync(join(ROOT, 'docs', 'architecture.md'), 'utf8'))?.[0] ??
    '';
  const words = table
    .split('\n')
    .slice(2, -1)
    .map((line) => {
      const [, word = '', , rooms = ''] = line.split('|').map((cell) => cell.trim());
      return { word, rooms: [...rooms.matchAll(/`([\w-]+)\//g)].map(([, room = '']) => room) };
    });
  assert.ok(words.length > 0 && words.length <= 8, `${words.length} house words: at most eight`);
  const declared = /^(?:export )?(?:abstract |async )?(?:function\*?|const|class|interface|type) (\w+)/gm;
  const misused = words
    .filter(({ rooms }) => rooms.length > 0)
    .flatMap(({ word, rooms }) =>
      sources
        .filter(({ path }) => !rooms.includes(path.split('/')[0] ?? ''))
        .flatMap(({ path, text }) =>
          [...text.matchAll(declared)]
            .map(([, name = '']) => name)
            .filter((name) =>
              name
                .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
                .toLowerCase()
                .split('_')
                .some((part) => part === word || part === `${word}s` || part === word.replace(/y$/, 'ies')),
            )
            .map((name) => `${path}: ${name} has the house word ${word}`),
        ),
    );
  report(misused, 'take the term of the field, or name the folder in docs/architecture.md if the meaning is the same');
});

/** A shorter function of a test is easier to read where it is used than to import, in characters. */
const COPIED_IN_TESTS_MAX = 100;

test('no function is copied verbatim into a second file, unless it uses values of its own file', () => {
  const places = new Map<string, string[]>();
  const block = String.raw`(?:(?:async )?function\*? \w+|const \w+ = (?:async )?\([^;]*=> \{$)[\s\S]*?^\}`;
  const declared = new RegExp(String.raw`^(?:export )?(?:${block}|const \w+ = (?:async )?\([^;]*=>[^;]*;$)`, 'gm');
  for (const { file, text } of programs()) {
    const owned = [...text.matchAll(/^(?:export )?(?:(?:async|abstract) )?(?:const|let|function\*?|class) (\w+)/gm)];
    for (const [written] of text.matchAll(declared)) {
      const used = owned.filter(([, name = '']) => new RegExp(`\\b${name}\\b`).test(written));
      if (used.length > 1) continue;
      const code = written.replace(/^export /, '').replace(/\s+/g, ' ');
      if (!file.startsWith('src/') && code.length <= COPIED_IN_TESTS_MAX) continue;
      places.set(code, [...(places.get(code) ?? []), file]);
    }
  }
  report(
    [...places]
      .filter(([, paths]) => paths.length > 1)
      .map(([code, paths]) => `${paths.join(', ')}: ${code.slice(0, 80)}`),
    'export it from where its type lives, or from test/support',
  );
});

/** The first key of a map, taken by hand. */
const FIRST_KEY = /\.keys\(\)\.next\(|\[ ?\w+ ?\] = [^;=]*\.keys\(\)(?:;|$)/;

test('only bounded-map.ts forgets the oldest entry of a map', () => {
  const problems = programs().flatMap(({ file, lines }) =>
    lines.flatMap((line, index) => (FIRST_KEY.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
  report(problems, 'use a BoundedMap of src/ground/bounded-map.ts, which takes constant time');
});

test('no code calls slice on bytes, or subarray on a Buffer: copyBytes and viewBytes name the effect', () => {
  report(findAmbiguousParts(readProduct()), 'use copyBytes or viewBytes of src/ground/borrowed-bytes.ts');
});

test('borrowed bytes never pass for owned ones: no code casts or narrows them, or anything but a number', () => {
  report(
    findLaunderers(readProduct()),
    'copy them (copyBytes of src/ground/borrowed-bytes.ts), or give the value its type where it is made',
  );
});

test('borrowed bytes are kept in no field, and in no variable of a file', () => {
  report(findKeepers(readProduct()), 'copy them (copyBytes of src/ground/borrowed-bytes.ts) before they are kept');
});
