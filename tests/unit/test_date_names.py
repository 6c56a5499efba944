"""
Dates in file and folder names: golden tables with their counter-examples (R20).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.core.dates.names import date_in_folders, date_in_name
from facewatchd.domain import Precision

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

# name -> wall clock to the second
WITH_TIME = {
    # phones
    "IMG_20190817_123456.jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456789.jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456_1.jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456~2.jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456(1).jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456-edited.jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456_HDR.jpg": "2019-08-17 12:34:56",
    "IMG20190817123456.jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456_BURST001_COVER.jpg": "2019-08-17 12:34:56",
    "00000IMG_00000_BURST20190817123456789_COVER.jpg": "2019-08-17 12:34:56",
    "00100lPORTRAIT_00100_BURST20190817123456789_COVER.jpg": "2019-08-17 12:34:56",
    "MVIMG_20190817_123456.jpg": "2019-08-17 12:34:56",
    "PANO_20190817_123456.vr.jpg": "2019-08-17 12:34:56",
    "20190817_123456.jpg": "2019-08-17 12:34:56",
    "20190817_123456_HDR.jpg": "2019-08-17 12:34:56",
    "20190817-123456.jpg": "2019-08-17 12:34:56",
    "20190817 123456.jpg": "2019-08-17 12:34:56",
    "20190817123456.jpg": "2019-08-17 12:34:56",
    "20190817T123456.heic": "2019-08-17 12:34:56",
    "C360_2019-08-17-12-34-56-789.jpg": "2019-08-17 12:34:56",
    "WP_20150620_12_34_56_Pro.jpg": "2015-06-20 12:34:56",
    "WIN_20190817_12_34_56_Pro.jpg": "2019-08-17 12:34:56",
    "Camera_20190817_123456.jpg": "2019-08-17 12:34:56",
    "P_20190817_123456.jpg": "2019-08-17 12:34:56",
    "IMG_20000229_235959.jpg": "2000-02-29 23:59:59",
    "IMG_20190817_000000.jpg": "2019-08-17 00:00:00",
    # drones, action and dash cameras
    "DJI_20230817123456_0001_D.jpg": "2023-08-17 12:34:56",
    "dji_fly_20230817_123456_1_1692275696_photo.jpg": "2023-08-17 12:34:56",
    "DJI_20230817_123456_001.JPG": "2023-08-17 12:34:56",
    # screenshots
    "Screenshot_20190817-123456.png": "2019-08-17 12:34:56",
    "Screenshot_20190817-123456_Chrome.jpg": "2019-08-17 12:34:56",
    "Screenshot_20190817_123456_com.whatsapp.jpg": "2019-08-17 12:34:56",
    "Screenshot_2019-08-17-12-34-56.png": "2019-08-17 12:34:56",
    "Screenshot_2019-08-17-12-34-56-789_com.app.jpg": "2019-08-17 12:34:56",
    "Screenshot from 2019-08-17 12-34-56.png": "2019-08-17 12:34:56",
    "Screenshot 2019-08-17 123456.png": "2019-08-17 12:34:56",
    "Screen Shot 2019-08-17 at 12.34.56.png": "2019-08-17 12:34:56",
    "Screen Shot 2019-08-17 at 3.04.05 PM.png": "2019-08-17 15:04:05",
    "Screenshot 2019-08-17 at 12.04.05\u202fAM.png": "2019-08-17 00:04:05",
    "Screen Shot 2019-08-17 at 12.04.05 PM.png": "2019-08-17 12:04:05",
    "Bildschirmfoto 2019-08-17 um 12.34.56.png": "2019-08-17 12:34:56",
    # screenshots of macOS and iOS, in the languages that they are written in
    "Capture d’écran 2019-08-17 à 12.34.56.png": "2019-08-17 12:34:56",  # noqa: RUF001
    "Schermata 2019-08-17 alle 12.34.56.png": "2019-08-17 12:34:56",
    "Schermata_2 2019-08-17 alle ore 12.34.56.png": "2019-08-17 12:34:56",
    "Schermafbeelding 2019-08-17 om 12.34.56.png": "2019-08-17 12:34:56",
    "Zrzut ekranu 2019-08-17 o 12.34.56.png": "2019-08-17 12:34:56",
    "Zrzut ekranu 2 2019-08-17 o godz. 12.34.56.png": "2019-08-17 12:34:56",
    "Captura de Tela 2019-08-17 às 12.34.56.png": "2019-08-17 12:34:56",
    "Captura de ecrã 2019-08-17 às 12.34.56.png": "2019-08-17 12:34:56",
    "Skärmavbild 2019-08-17 kl. 12.34.56.png": "2019-08-17 12:34:56",
    "Skærmbillede 2019-08-17 kl. 12.34.56.png": "2019-08-17 12:34:56",
    "Skjermbilde 2019-08-17 kl. 12.34.56.png": "2019-08-17 12:34:56",
    "Näyttökuva 2019-08-17 kello 12.34.56.png": "2019-08-17 12:34:56",
    "Снимок экрана 2019-08-17 в 12.34.56.png": "2019-08-17 12:34:56",
    "Знімок екрана 2019-08-17 о 12.34.56.png": "2019-08-17 12:34:56",  # noqa: RUF001
    "Snímek obrazovky 2019-08-17 v 12.34.56.png": "2019-08-17 12:34:56",
    "Snímka obrazovky 2019-08-17 o 12.34.56.png": "2019-08-17 12:34:56",
    "Képernyőfotó 2019-08-17 - 12.34.56.png": "2019-08-17 12:34:56",
    "Ekran Resmi 2019-08-17 12.34.56.png": "2019-08-17 12:34:56",
    "Captură de ecran 2019-08-17 la 12.34.56.png": "2019-08-17 12:34:56",
    "Ảnh màn hình 2019-08-17 lúc 12.34.56.png": "2019-08-17 12:34:56",
    "Cuplikan Layar 2019-08-17 pukul 12.34.56.png": "2019-08-17 12:34:56",
    "Snimka zaslona 2019-08-17 u 12.34.56.png": "2019-08-17 12:34:56",
    "Posnetek zaslona 2019-08-17 ob 12.34.56.png": "2019-08-17 12:34:56",
    "Captura de pantalla 2019-08-17 a las 12.34.56.png": "2019-08-17 12:34:56",
    "Captura de pantalla (MX) 2019-08-17 a la(s) 12.34.56.png": "2019-08-17 12:34:56",
    "Captura de pantalla (ca) 2019-08-17 a les 12.34.56.png": "2019-08-17 12:34:56",
    "Στιγμιότυπο οθόνης 2019-08-17 στις 12.34.56.png": "2019-08-17 12:34:56",
    "لقطة شاشة 2019-08-17 في 12.34.56.png": "2019-08-17 12:34:56",
    "צילום מסך 2019-08-17 בשעה 12.34.56.png": "2019-08-17 12:34:56",
    "ภาพหน้าจอ 2019-08-17 เวลา 12.34.56.png": "2019-08-17 12:34:56",
    "スクリーンショット 2019-08-17 12.34.56.png": "2019-08-17 12:34:56",
    "截屏 2019-08-17 12.34.56.png": "2019-08-17 12:34:56",
    "스크린샷 2019-08-17 12.34.56.png": "2019-08-17 12:34:56",
    "Näyttökuva 2019-8-7 kello 12.34.56.png": "2019-08-07 12:34:56",
    "Captura de pantalla 2019-08-17 a la(s) 3.04.05 p. m..png": "2019-08-17 15:04:05",
    "Captura de pantalla 2019-08-17 a la(s) 3.04.05\u202fp.\u00a0m..png": "2019-08-17 15:04:05",
    "Captura de pantalla 2019-08-17 a las 12.04.05 a.m..png": "2019-08-17 00:04:05",
    "截屏2019-08-17 下午3.04.05.png": "2019-08-17 15:04:05",
    "截屏2019-08-17 上午12.04.05.png": "2019-08-17 00:04:05",
    "螢幕快照 2019-08-17 下午3.04.05.png": "2019-08-17 15:04:05",
    "スクリーンショット 2019-08-17 午後3.04.05.png": "2019-08-17 15:04:05",
    "스크린샷 2019-08-17 오후 3.04.05.png": "2019-08-17 15:04:05",
    "스크린샷 2019-08-17 오전 3.04.05.png": "2019-08-17 03:04:05",
    # a Mac's accents stand apart from their letters
    "Capture d\u2019e\u0301cran 2019-08-17 a\u0300 12.34.56.png": "2019-08-17 12:34:56",
    "Captura de Tela 2019-08-17 a\u0300s 12.34.56.png": "2019-08-17 12:34:56",
    "shot 2019-08-17 \u110b\u1169\u1112\u116e 3.04.05.png": "2019-08-17 15:04:05",
    # GNOME and Windows
    "Bildschirmfoto vom 2019-08-17 12-34-56.png": "2019-08-17 12:34:56",
    "Capture d’écran du 2019-08-17 12-34-56.png": "2019-08-17 12:34:56",  # noqa: RUF001
    "Captura de pantalla de 2019-08-17 12-34-56.png": "2019-08-17 12:34:56",
    "Schermata del 2019-08-17 12-34-56.png": "2019-08-17 12:34:56",
    "Skjermbilde 2019-08-17 123456.png": "2019-08-17 12:34:56",
    "截图_20190817_123456.png": "2019-08-17 12:34:56",
    # programs of phones
    "InShot_20190817_123456789.jpg": "2019-08-17 12:34:56",
    "BeautyPlus_20190817123456789_save.jpg": "2019-08-17 12:34:56",
    "CYMERA_20190817_123456.jpg": "2019-08-17 12:34:56",
    "Snapseed 2019-08-17 12-34-56.jpg": "2019-08-17 12:34:56",
    "lv_0_20190817123456.jpg": "2019-08-17 12:34:56",
    "IMG_20190817_123456_789.webp": "2019-08-17 12:34:56",
    "Copy of IMG_20190817_123456.jpg": "2019-08-17 12:34:56",
    "Kopie von 20190817_123456.jpg": "2019-08-17 12:34:56",
    "original_0b4f8c2e-1d2a-4b7c-9e3f-001122334455_IMG_20190817_123456.jpg": "2019-08-17 12:34:56",
    # messengers that name by the moment of the shot
    "signal-2021-03-04-123456.jpg": "2021-03-04 12:34:56",
    "signal-2021-03-04-12-34-56-789.jpg": "2021-03-04 12:34:56",
    "signal-2021-03-04-12-34-56-789-1.jpg": "2021-03-04 12:34:56",
    "threema-20210304-123456789.jpg": "2021-03-04 12:34:56",
    # programs and people
    "2019-08-17 12.34.56.jpg": "2019-08-17 12:34:56",
    "2019-08-17 12.34.56-1.jpg": "2019-08-17 12:34:56",
    "2019-08-17 12.34.56 HDR.jpg": "2019-08-17 12:34:56",
    "2019-08-17_12-34-56.jpg": "2019-08-17 12:34:56",
    "2019-08-17_12.34.56.jpg": "2019-08-17 12:34:56",
    "2019-08-17-12-34-56.jpg": "2019-08-17 12:34:56",
    "2019-08-17T12:34:56.jpg": "2019-08-17 12:34:56",
    "2019_08_17_12_34_56.jpg": "2019-08-17 12:34:56",
    "2019.08.17 12.34.56.jpg": "2019-08-17 12:34:56",
    "2019-08-17_123456.jpg": "2019-08-17 12:34:56",
    "2019-08-17 12h34m56s.jpg": "2019-08-17 12:34:56",
    "2019-08-17 12h34m56.jpg": "2019-08-17 12:34:56",
    "20190817_12-34-56.jpg": "2019-08-17 12:34:56",
    "Grandma 2019-08-17 12.34.56 garden.jpg": "2019-08-17 12:34:56",
    "17.08.2019 12.34.56.jpg": "2019-08-17 12:34:56",
    "1987-06-05 04.03.02 scan.tif": "1987-06-05 04:03:02",
    "caf\udce9 2019-08-17 12.34.56.jpg": "2019-08-17 12:34:56",
}

# name -> UTC to the second
IN_UTC = {
    "PXL_20210101_123456789.jpg": "2021-01-01 12:34:56",
    "PXL_20210101_123456789.PORTRAIT.jpg": "2021-01-01 12:34:56",
    "PXL_20210101_123456789.MP.jpg": "2021-01-01 12:34:56",
    "PXL_20210101_123456789~2.jpg": "2021-01-01 12:34:56",
    "PXL_20210101_123456.jpg": "2021-01-01 12:34:56",
    "Copy of PXL_20210101_123456789.jpg": "2021-01-01 12:34:56",
    "Copy of Copy of PXL_20210101_123456789.MP.jpg": "2021-01-01 12:34:56",
    "Kopie von PXL_20210101_123456789.jpg": "2021-01-01 12:34:56",
    "original_0b4f8c2e-1d2a-4b7c-9e3f-001122334455_PXL_20210101_123456789.jpg": "2021-01-01 12:34:56",
    "2021-01-01_PXL_20210101_123456789.jpg": "2021-01-01 12:34:56",
    "(1) PXL_20210101_123456789.NIGHT.jpg": "2021-01-01 12:34:56",
    "edited-PXL_20210101_123456789.jpg": "2021-01-01 12:34:56",
    "PXL_20210101_123456789.RAW-01.MP.COVER.jpg": "2021-01-01 12:34:56",
    "20190817T123456Z.jpg": "2019-08-17 12:34:56",
    "20190817T123456789Z.jpg": "2019-08-17 12:34:56",
    "20190817_123456Z.jpg": "2019-08-17 12:34:56",
    "garden 20190817T123456Z (2).jpg": "2019-08-17 12:34:56",
    "2019-08-17T12-34-56Z.jpg": "2019-08-17 12:34:56",
    "2019-08-17T12:34:56.789Z.jpg": "2019-08-17 12:34:56",
    "2019-08-17T123456Z.jpg": "2019-08-17 12:34:56",
    "2019-08-17 12.34.56Z.jpg": "2019-08-17 12:34:56",
    "Skype_Picture_2019_08_17T12_34_56_789Z.jpeg": "2019-08-17 12:34:56",
    "IMG_00001_BURST1566045296789_COVER.jpg": "2019-08-17 12:34:56",
    "IMG_00012_BURST1566045296789.jpg": "2019-08-17 12:34:56",
    "BURST1566045296789.jpg": "2019-08-17 12:34:56",
    "00100dPORTRAIT_00100_BURST1566045296789_COVER.jpg": "2019-08-17 12:34:56",
    "IMG_1566045296789_0001.jpg": "2019-08-17 12:34:56",
    "IMG_1566045296789_1_2.jpg": "2019-08-17 12:34:56",
    "Photo_1566045296789.jpg": "2019-08-17 12:34:56",
    "cameringo_1566045296789.jpg": "2019-08-17 12:34:56",
    "IMG_1566045296.jpg": "2019-08-17 12:34:56",
    "IMG1566045296.jpg": "2019-08-17 12:34:56",
    "Camera_1566045296.jpg": "2019-08-17 12:34:56",
    "PANO_1566045296.jpg": "2019-08-17 12:34:56",
    "BURST_1566045296_1.jpg": "2019-08-17 12:34:56",
    "IMG_1566045296(1).jpg": "2019-08-17 12:34:56",
    "1566045296789.jpg": "2019-08-17 12:34:56",
    "1566045296789_1.jpg": "2019-08-17 12:34:56",
    "1566045296789-edited.jpg": "2019-08-17 12:34:56",
    "1566045296789(1).jpg": "2019-08-17 12:34:56",
    "IMG_1566045296789.jpg": "2019-08-17 12:34:56",
    "image-1566045296789.png": "2019-08-17 12:34:56",
}

# name -> day; the flag says that a messenger received it then
WITH_DAY = {
    "IMG-20190817-WA0003.jpg": ("2019-08-17", True),
    "IMG-20190817-WA0003(1).jpg": ("2019-08-17", True),
    "IMG-20190817-WA0003-edited.jpeg": ("2019-08-17", True),
    "VID-20190817-WA0003.jpg": ("2019-08-17", True),
    "WhatsApp Image 2019-08-17 at 12.34.56.jpeg": ("2019-08-17", True),
    "WhatsApp Image 2019-08-17 at 12.34.56 PM (1).jpeg": ("2019-08-17", True),
    "photo_2019-08-17_12-34-56.jpg": ("2019-08-17", True),
    "photo_4_2019-08-17_12-34-56.jpg": ("2019-08-17", True),
    "photo_17@17-08-2019_12-34-56.jpg": ("2019-08-17", True),
    "PHOTO-2019-08-17-12-34-56.jpg": ("2019-08-17", True),
    "PHOTO-2019-08-17-12-34-56 2.jpg": ("2019-08-17", True),
    "00000012-PHOTO-2019-08-17-12-34-56.jpg": ("2019-08-17", True),
    "00000012-STICKER-2019-08-17-12-34-56.webp": ("2019-08-17", True),
    "WhatsApp Bild 2019-08-17 um 12.34.56.jpg": ("2019-08-17", True),
    "Copy of WhatsApp Image 2019-08-17 at 12.34.56.jpeg": ("2019-08-17", True),
    "Copy of IMG-20190817-WA0003.jpg": ("2019-08-17", True),
    "viber_image_2019-08-17_12-34-56-789.jpg": ("2019-08-17", True),
    "viber_image_2019-08-17_12-34-56.jpg": ("2019-08-17", True),
    "viber image 2019-08-17 , 12.34.56.jpg": ("2019-08-17", True),
    "Viber-image-2019-08-17 12.34.56.jpg": ("2019-08-17", True),
    "viber_2019-08-17_12-34-56.jpg": ("2019-08-17", True),
    "KakaoTalk_20190817_123456789.jpg": ("2019-08-17", True),
    "KakaoTalk_20190817_123456789_01.jpg": ("2019-08-17", True),
    "KakaoTalk_Photo_2019-08-17-12-34-56.jpeg": ("2019-08-17", True),
    "WeChat Image_20190817123456.jpg": ("2019-08-17", True),
    "微信图片_20190817123456.jpg": ("2019-08-17", True),
    "FB_IMG_1566045296789.jpg": ("2019-08-17", True),
    "mmexport1566045296789.jpg": ("2019-08-17", True),
    "2019-08-17.jpg": ("2019-08-17", False),
    "2019-08-17 Trip 3.jpg": ("2019-08-17", False),
    "2019-08-17-0001.jpg": ("2019-08-17", False),
    "2019_08_17.jpg": ("2019-08-17", False),
    "2019.08.17.jpg": ("2019-08-17", False),
    "2019 08 17.jpg": ("2019-08-17", False),
    "20190817.jpg": ("2019-08-17", False),
    "IMG_20190817.jpg": ("2019-08-17", False),
    "IMG_20190817_0001.jpg": ("2019-08-17", False),
    "20190817-DSC_0042.jpg": ("2019-08-17", False),
    "Screenshot_20190817.png": ("2019-08-17", False),
    "17.08.2019.jpg": ("2019-08-17", False),
    "7.8.2019 Oma.jpg": ("2019-08-07", False),
    "1898-05-01 Urgrossvater.tif": ("1898-05-01", False),
    # the time is none, the day is one
    "IMG_20190817_993456.jpg": ("2019-08-17", False),
    "2019-08-17 25.00.00.jpg": ("2019-08-17", False),
    "2019-08-17 12.34.jpg": ("2019-08-17", False),
    "Screen Shot 2019-08-17 at 13.04.05 PM.png": ("2019-08-17", False),
    # the first date is none, the second is one
    "20193117 20190817.jpg": ("2019-08-17", False),
    "2031-01-01 2019-08-17.jpg": ("2019-08-17", False),
}

WITHOUT = {
    "a year alone": "2024.png",
    "a year and a number": "2024_001.jpg",
    "a month may be a number": "2019-08.jpg",
    "month 31": "20223112.jpg",
    "day 30 of February": "20190230.jpg",
    "29 February of a common year": "2019-02-29.jpg",
    "month 0": "2019-00-17.jpg",
    "day 0": "20190800.jpg",
    "year 0": "0000-00-00 00.00.00.jpg",
    "the future": "IMG_20270817_123456.jpg",
    "the far future": "20990101.jpg",
    "before photography": "1825-12-31.jpg",
    "eight digits before 1900": "18991231.jpg",
    "the epoch in UTC": "IMG_19700101_000000.jpg",
    "the epoch as a day": "1970-01-01.jpg",
    "a phone number": "+491701234567.jpg",
    "a phone number with spaces": "+49 170 1234567.jpg",
    "an American phone number": "1-415-555-2671.jpg",
    "a local phone number": "55512345.jpg",
    "a long phone number": "4915112345678.jpg",
    "a camera's counter": "DSC01234.JPG",
    "another camera's counter": "IMG_1234.JPG",
    "a Panasonic counter": "P1010023.JPG",
    "a long counter": "DSC_20191.jpg",
    "a resolution": "1920x1080.jpg",
    "a resolution with a dash": "2048-1536.png",
    "a UUID": "20190817-1234-4abc-9def-0123456789ab.jpg",
    "another UUID": "E4B1C2D3-20190817-1234.jpg".replace("-20190817-1234", "-2019-4817-9234-201908171234"),
    "an MD5 digest": "d41d8cd98f0020190817998ecf8427ea.jpg",
    "a SHA-1 digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709.jpg",
    "a hex identifier": "a20190817bcdef01.jpg",
    "Facebook's identifiers": "20190817_10153212345678_1234567890123456789_n.jpg",
    "more digits than a date": "201908171.jpg",
    "more digits than a time": "20190817123456789012.jpg",
    "fifteen digits": "201908171234561.jpg",
    "twelve digits": "201908171234.jpg",
    "epoch seconds look like phone numbers": "1566045296.jpg",
    "fourteen digits": "15660452967890.jpg",
    "thirteen digits of the future": "1966045296789.jpg",
    "a barcode": "4006381333931.jpg",
    "a counter of ten digits": "img 15660452961.jpg",
    "ten digits behind no camera's word": "invoice_1566045296.jpg",
    "ten digits and more": "IMG_1566045296_4711.jpg",
    "seconds of the future": "IMG_1966045296.jpg",
    "a burst of no moment": "BURST_0001.jpg",
    "a Pixel's name of the future": "Copy of PXL_20270101_123456789.jpg",
    "a Thai year": "ภาพหน้าจอ 2562-08-17 เวลา 12.34.56.png",
    "a date behind letters": "item20191399.jpg",
    "an order number": "order-2019-081-7.jpg",
    "epoch milliseconds within a name": "item 1566045296789 of 5000000.jpg",
    "an IP address": "192.168.2.1.jpg",
    "a version": "v2.10.2019.1.jpg",
    "another version": "release 1.2.10.2019.jpg",
    "a fraction": "3.14159265.jpg",
    "nothing": ".jpg",
    "words": "Grandma in the garden.jpg",
    "other digits": "IMG_\u0662\u0660\u0661\u0669\u0660\u0668\u0661\u0667_\u0661\u0662\u0663\u0664\u0665\u0666.jpg",
    "the date is the folder's": "2019-08-17/IMG_1234.jpg",
}

FOLDERS = {
    "2019-08-17 Trip/a.jpg": ("2019-08-17", Precision.DAY),
    "2019-08-17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019-08-17_Trip/a.jpg": ("2019-08-17", Precision.DAY),
    "20190817 Trip/a.jpg": ("2019-08-17", Precision.DAY),
    "2019_08_17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019.08.17 Trip/a.jpg": ("2019-08-17", Precision.DAY),
    "17.08.2019/a.jpg": ("2019-08-17", Precision.DAY),
    "Trip 2019-08-17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019/08/17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019/08/17 Trip/a.jpg": ("2019-08-17", Precision.DAY),
    "2019/08 August/17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019/2019-08/17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019-08/17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019/08/17/raw/a.jpg": ("2019-08-17", Precision.DAY),
    "Photos/2019/08/17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019-08-17 Trip/2019/a.jpg": ("2019-08-17", Precision.DAY),
    "2019-08-17 Trip/Misc/a.jpg": ("2019-08-17", Precision.DAY),
    "2018/2019-08-17/a.jpg": ("2019-08-17", Precision.DAY),
    "2019-08/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019-08 Trip/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019_08/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019/08/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019/08 August/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019/2019-08/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019-08-17 - 2019-08-24 Trip/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019-08-17-24 Trip/a.jpg": ("2019-08-01", Precision.MONTH),
    "2019-08-17..24/a.jpg": ("2019-08-01", Precision.MONTH),
    "1987/a.jpg": ("1987-01-01", Precision.YEAR),
    "1970/a.jpg": ("1970-01-01", Precision.YEAR),
    "1980/a.jpg": ("1980-01-01", Precision.YEAR),
    "1987 Scans/a.jpg": ("1987-01-01", Precision.YEAR),
    "1987, Summer/a.jpg": ("1987-01-01", Precision.YEAR),
    "Italy 2019/a.jpg": ("2019-01-01", Precision.YEAR),
    "1987/Negatives/a.jpg": ("1987-01-01", Precision.YEAR),
    "2019/Misc/a.jpg": ("2019-01-01", Precision.YEAR),
    "2019/13/a.jpg": ("2019-01-01", Precision.YEAR),
    "2019-12-30 - 2020-01-02 Ski/a.jpg": None,
    "2019-07-30 - 2019-08-02 Sea/a.jpg": ("2019-01-01", Precision.YEAR),
    "1980s/a.jpg": None,
    "2019-2020/a.jpg": None,
    "1024x768/a.jpg": None,
    "100CANON/a.jpg": None,
    "DCIM/101MSDCF/a.jpg": None,
    "2048/a.jpg": None,
    "1750/a.jpg": None,
    "Canon 2000D/a.jpg": None,
    "Room 101/a.jpg": None,
    "08/17/a.jpg": None,
    "a.jpg": None,
    "2019-08-17.jpg": None,
    "caf\udce9 2019/a.jpg": ("2019-01-01", Precision.YEAR),
}


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(("name", "wanted"), WITH_TIME.items(), ids=[ascii(name) for name in WITH_TIME])
def test_a_time_in_a_name_is_read_to_the_second(name: str, wanted: str) -> None:
    """Cameras, phones and programs name by the wall clock."""
    found = date_in_name(_raw(name), NOW)
    assert found is not None
    assert str(found.stamp.value) == wanted
    assert (found.stamp.precision, found.stamp.utc, found.received) == (Precision.SECOND, False, False)


@pytest.mark.parametrize(("name", "wanted"), IN_UTC.items(), ids=list(IN_UTC))
def test_pixels_and_epochs_are_utc(name: str, wanted: str) -> None:
    """The name gives a moment; the wall clock takes a zone that the name does not hold."""
    found = date_in_name(_raw(name), NOW)
    assert found is not None
    assert str(found.stamp.value) == wanted
    assert found.stamp.utc
    assert found.stamp.precision is Precision.SECOND


@pytest.mark.parametrize(("name", "wanted"), WITH_DAY.items(), ids=list(WITH_DAY))
def test_a_day_in_a_name_is_read_as_a_day(name: str, wanted: tuple[str, bool]) -> None:
    """A messenger's time is the time of receipt, of which only the day is kept."""
    found = date_in_name(_raw(name), NOW)
    assert found is not None
    assert (f"{found.stamp.value:%Y-%m-%d}", found.received) == wanted
    assert found.stamp.precision is Precision.DAY


@pytest.mark.parametrize("name", WITHOUT.values(), ids=list(WITHOUT))
def test_a_number_is_not_a_date_because_it_could_be(name: str) -> None:
    """No date is read where there is none."""
    assert date_in_name(_raw(name), NOW) is None


@pytest.mark.parametrize(("path", "wanted"), FOLDERS.items(), ids=[ascii(path) for path in FOLDERS])
def test_folders_are_read_as_finely_as_they_speak(path: str, wanted: tuple[str, Precision] | None) -> None:
    """The innermost folder counts, or one further out that says the same more finely."""
    found = date_in_folders(_raw(path), NOW)
    assert (None if found is None else (f"{found.value:%Y-%m-%d}", found.precision)) == wanted


@given(st.one_of(st.binary(max_size=60), st.from_regex(rb"[0-9a-fA-F_. /:@()-]{0,40}\.jpg", fullmatch=True)))
def test_no_name_raises_or_yields_an_impossible_date(path: bytes) -> None:
    """Whatever bytes a name has: nothing, or a date between the first photograph and tomorrow."""
    named, folder = date_in_name(path, NOW), date_in_folders(path, NOW)
    for stamp in (named.stamp if named else None, folder):
        assert stamp is None or 1826 <= stamp.value.year <= 2026


@given(st.datetimes(datetime(1900, 1, 1), datetime(2025, 12, 31)))  # noqa: DTZ001 - names are naive
def test_a_written_time_is_read_back(taken: datetime) -> None:
    """Every second of the last century survives being made into a name, but for the few that are nonsense (R18)."""
    found = date_in_name(f"IMG_{taken:%Y%m%d_%H%M%S}_7.jpg".encode(), NOW)
    nonsense = {"1904-01-01 00:00:00", "1970-01-01 00:00:00", "1980-01-01 00:00:00", "1980-01-06 00:00:00"}
    if str(taken.replace(microsecond=0)) not in nonsense | {"2002-12-08 12:00:00"}:
        assert found is not None
        assert found.stamp.value == taken.replace(microsecond=0)
