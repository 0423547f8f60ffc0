// `npm run build`: makes dist/, which needs neither TypeScript nor, except koffi, packages. Source: esbuild.github.io/api.
//
//   each entry ─ a bundle of its name, and a file that loads it with its compiled code (`load-bundle.cjs`)
//   each file of src that is no source ─ at the same place in dist
//
// 1. A process and a thread load one file each. Parts shared between them were measured: the 137 files of a rack's start take a fifth more
//    processor time than one file of the same text, and 11 MiB more.
// 2. `import.meta` becomes the place that the source would have in dist, so that it finds its threads, scripts and templates there.
// 3. Two builds of the same sources and packages have equal bytes.
import { createHash } from 'node:crypto';
import { cpSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { root } from './find-node.js';

const SOURCES = join(root, 'src');
const DIGEST_DIGITS = 32;

/** The files that a process or a thread begins with, below src, and those that the front door imports (`src/main.ts`). */
const ENTRIES = [
  'main',
  'cli/command-line',
  'cli/rack/service',
  'cli/region/service',
  'threads/images',
  'threads/journal',
  'threads/network',
  'threads/region',
  'threads/tftp',
  'threads/uplink',
];
const FRONT_DOOR = join(SOURCES, 'main.ts');

/** What the sources replace, too (`quick-imports.js`): zod's languages, and tables of wide characters. */
const REPLACED = {
  '../locales/index.js': { importer: /\/node_modules\/zod\//, by: 'node_modules/zod/v4/locales/en.js' },
  'string-width': { importer: /\/node_modules\/(?:yargs|cliui|wrap-ansi)\//, by: 'bin/plain-width.js' },
};

const ownFiles = {
  name: 'own files',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /\.[jt]s$/ }, ({ path }) => {
      const place = relative(SOURCES, path).replace(/\.ts$/, '.js');
      if (place.startsWith('../') && !place.startsWith('../bin/')) return undefined;
      const contents = readFileSync(path, 'utf8')
        .replaceAll('createRequire(import.meta.url)(', 'require(')
        .replaceAll('import.meta.url', `urlOf('${place}')`)
        .replaceAll('import.meta.filename', `placeOf('${place}')`)
        .replaceAll('import.meta.dirname', `placeOf('${dirname(place)}')`);
      return { contents, loader: 'ts' };
    });
    onResolve({ filter: /^(?:\.\.\/locales\/index\.js|string-width)$/ }, ({ path, importer }) =>
      REPLACED[path].importer.test(importer) ? { path: join(root, REPLACED[path].by) } : undefined,
    );
    onResolve({ filter: /\.ts$/ }, ({ path, importer, kind }) =>
      kind === 'dynamic-import' && importer === FRONT_DOOR
        ? { path: path.replace(/\.ts$/, '.js'), external: true }
        : undefined,
    );
  },
};

/**
 * V8 keeps a text with a single wider character in twice the memory. esbuild leaves them in tagged templates, whose tag might see the
 * difference; `html` does not.
 */
const inAscii = (text) =>
  text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

async function writeBundles(build, dist) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ENTRIES.map((entry) => `src/${entry}.ts`),
    outbase: 'src',
    outdir: dist,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // Of a package; of a source, `urlOf` has come before.
    define: { 'import.meta.url': 'bundleUrl' },
    // `import()` of a CommonJS file would not see the names that it exports.
    supported: { 'dynamic-import': false },
    external: ['koffi', 'pg-native'],
    // Names stay: stack traces have them.
    minifyWhitespace: true,
    minifySyntax: true,
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [ownFiles],
  });
  for (const { path, text: written } of outputFiles) {
    const text = inAscii(written);
    const name = relative(dist, path).replace(/\.js$/, '');
    const digest = createHash('sha256').update(text).digest('hex').slice(0, DIGEST_DIGITS);
    // Its place, not that of a build still under way.
    const loader = relative(dirname(join(root, 'dist', name)), join(root, 'bin', 'load-bundle.cjs'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path.replace(/\.js$/, '.bundle.js'), text);
    writeFileSync(
      path,
      `module.exports = require('${loader}').loadBundle(__filename, '${name}', '${digest}', require);\n`,
    );
  }
}

/** Scripts and templates as they are; what browsers load, without types. */
async function copyOthers(transform, dist) {
  const script = await transform(readFileSync(join(SOURCES, 'web', 'page.ts'), 'utf8'), { loader: 'ts' });
  const others = globSync('**', { cwd: SOURCES, withFileTypes: true, exclude: ['**/*.ts', '**/tsconfig.json'] });
  for (const { parentPath, name } of others.filter((file) => file.isFile())) {
    const path = join(parentPath, name);
    cpSync(path, join(dist, relative(SOURCES, path)));
  }
  writeFileSync(join(dist, 'web', 'page.js'), script.code);
}

const { build, transform } = await import('esbuild').catch(() => {
  console.error('rackboot: dist/ is not built, because esbuild is not installed. Rackboot runs from its sources.');
  process.exit(1);
});
const dist = resolve(process.argv[2] ?? join(root, 'dist'));
const part = `${dist}.part`;
rmSync(part, { recursive: true, force: true });
await writeBundles(build, part);
await copyOthers(transform, part);
writeFileSync(join(part, 'package.json'), '{ "type": "commonjs" }\n');
rmSync(dist, { recursive: true, force: true });
renameSync(part, dist);
