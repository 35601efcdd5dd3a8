"""A folder in, a folder out."""

from bgremove.batch.job import Job as Job
from bgremove.batch.plan import NAMINGS as NAMINGS
from bgremove.batch.plan import Plan as Plan
from bgremove.batch.plan import make_plan as make_plan
from bgremove.batch.records import ImageRecord as ImageRecord
from bgremove.batch.rects import RectTable as RectTable
from bgremove.batch.rects import read_table as read_table
from bgremove.batch.run import remove_backgrounds as remove_backgrounds
from bgremove.batch.run import run_jobs as run_jobs
from bgremove.batch.run import run_plan as run_plan
from bgremove.batch.shard import Shard as Shard
