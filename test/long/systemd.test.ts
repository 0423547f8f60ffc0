// The units under a real systemd: the rack, its restarts, and a separate region.
// @host alone

import { testSystemdService } from '../cases/systemd-service.ts';

testSystemdService('all');
