"""A page on which a person corrects the rects of a folder, served to this machine only."""

from bgremove.rects.edit.meanwhile import surveyed_meanwhile as surveyed_meanwhile
from bgremove.rects.edit.server import EditServer as EditServer
from bgremove.rects.edit.session import Entry as Entry
from bgremove.rects.edit.session import Session as Session
from bgremove.rects.edit.session import survey as survey
