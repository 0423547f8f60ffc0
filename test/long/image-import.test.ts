// `rackboot images import`, `available` and `check-sources` in every form.
// @host alone

import { testImageImports } from '../support/image-imports.ts';

testImageImports('all');
