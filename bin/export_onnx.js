#!/usr/bin/env node
import { launch } from './launch.js';

await launch('export_onnx');
