// `node bin/with-node.js test/golden/write.ts` stores what others depend on (surfaces.ts) in fixtures/golden. Read the difference before you commit
// it: each line is something that a client, a script, a dashboard or an upgrade may rely on.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GOLDEN, PLACE, takeSurfaces } from './surfaces.ts';

const surfaces = await takeSurfaces(PLACE);
rmSync(GOLDEN, { recursive: true, force: true });
mkdirSync(GOLDEN, { recursive: true });
for (const [name, text] of surfaces) writeFileSync(join(GOLDEN, name), text);
